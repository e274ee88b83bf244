/// How Weir shows an endpoint that it may call it.
public enum Credential: Sendable, Hashable {
    /// Sent with every call as it is.
    case key(Secret)
    /// Tokens of Microsoft Entra ID, for an application.
    case entra(EntraApplication)
    /// Tokens of Microsoft Entra ID, which Azure gives to the machine that Weir runs on.
    case managedIdentity(ManagedIdentity)
    /// Tokens of Huawei Cloud's IAM.
    case huaweiIAM(HuaweiUser)
    /// Huawei Cloud: each request is signed.
    case huaweiKeys(HuaweiSignature)
    /// Volcengine: access keys that are exchanged for a key of one inference endpoint, which expires.
    case volcengine(VolcengineExchange)
}

/// Who gives tokens for an endpoint, and where it is asked.
public struct Authority: Sendable, Hashable {
    public var origin: Origin
    /// In front of its own path; empty for none, without a slash at its end.
    public var basePath: String
    /// PEM file of the authorities to trust for its certificate; nil: the system's.
    public var trustFile: String?

    public init(origin: Origin, basePath: String = "", trustFile: String? = nil) {
        self.origin = origin
        self.basePath = basePath
        self.trustFile = trustFile
    }
}

/// An application that is registered with Entra ID, and how it proves that it is that one.
public struct EntraApplication: Sendable, Hashable {
    public enum Proof: Sendable, Hashable {
        case secret(Secret)
        /// A file with a token of whoever vouches for it, such as Kubernetes. It is rotated, so it is read anew for each token.
        case federatedToken(file: String)
    }

    /// The directory's id or name.
    public var tenant: String
    public var client: String
    public var proof: Proof
    public var scope: String
    public var authority: Authority

    public init(tenant: String, client: String, proof: Proof, scope: String, authority: Authority) {
        self.tenant = tenant
        self.client = client
        self.proof = proof
        self.scope = scope
        self.authority = authority
    }
}

/// The identity that Azure has given to a machine.
public struct ManagedIdentity: Sendable, Hashable {
    /// Which one, where it has several.
    public var client: String?
    /// Whose API the token is for; a scope without its `/.default`.
    public var resource: String
    public var authority: Authority

    public init(client: String?, resource: String, authority: Authority) {
        self.client = client
        self.resource = resource
        self.authority = authority
    }
}

/// A user of Huawei Cloud's IAM.
public struct HuaweiUser: Sendable, Hashable {
    /// The account's name.
    public var domain: String
    public var user: String
    public var password: Secret
    /// The name of the project that the token is for, such as `cn-southwest-2`.
    public var project: String
    public var authority: Authority

    public init(domain: String, user: String, password: Secret, project: String, authority: Authority) {
        self.domain = domain
        self.user = user
        self.password = password
        self.project = project
        self.authority = authority
    }
}

/// What signs: the name of a key and the key itself. The name is no secret, but says more than a log should.
public struct AccessKeys: Sendable, Hashable {
    public var access: Secret
    public var secret: Secret

    public init(access: Secret, secret: Secret) {
        self.access = access
        self.secret = secret
    }
}

/// What Huawei Cloud's requests are signed with.
public struct HuaweiSignature: Sendable, Hashable {
    public var keys: AccessKeys
    /// The project's id, said in a header that is signed too; nil: the path says it alone.
    public var project: String?

    public init(keys: AccessKeys, project: String? = nil) {
        self.keys = keys
        self.project = project
    }
}

/// What Volcengine's control plane is asked for a key with.
public struct VolcengineExchange: Sendable, Hashable {
    public var keys: AccessKeys
    /// What the signature is made for.
    public var region: String
    /// The inference endpoint (`ep-…`) that the key opens.
    public var resource: String
    /// How long the key is asked to last, in seconds.
    public var lifetimeSeconds: Int64
    public var authority: Authority

    public init(keys: AccessKeys, region: String, resource: String, lifetimeSeconds: Int64, authority: Authority) {
        self.keys = keys
        self.region = region
        self.resource = resource
        self.lifetimeSeconds = lifetimeSeconds
        self.authority = authority
    }
}

extension Credential {
    /// Who has to be asked for a token first; nil: nobody.
    public var authority: Authority? {
        switch self {
        case .key, .huaweiKeys: nil
        case .entra(let application): application.authority
        case .managedIdentity(let identity): identity.authority
        case .huaweiIAM(let user): user.authority
        case .volcengine(let exchange): exchange.authority
        }
    }

    /// As the configuration names it.
    public var kind: String {
        switch self {
        case .key: "key"
        case .entra: "entra"
        case .managedIdentity: "managedIdentity"
        case .huaweiIAM: "huaweiIAM"
        case .huaweiKeys: "huaweiKeys"
        case .volcengine: "volcengine"
        }
    }
}

/// A token that an endpoint takes for a time.
public struct HeldToken: Sendable, Hashable {
    public var value: Secret
    /// It is not sent from this moment on.
    public var until: Timestamp
    /// Counts the tokens of one credential, so that what is said of an old one is not held against a new one.
    public var number: UInt64
    /// From when on its endpoint's refusal is a reason to ask for another one.
    public var renewableFrom: Timestamp

    public init(value: Secret, until: Timestamp, number: UInt64, renewableFrom: Timestamp) {
        self.value = value
        self.until = until
        self.number = number
        self.renewableFrom = renewableFrom
    }
}

extension Origin: CustomStringConvertible {
    /// As in a URL; the scheme's own port is left out.
    public var description: String {
        let isUsual = port == (tls ? 443 : 80)
        return "\(tls ? "https" : "http")://\(hostText)\(isUsual ? "" : ":\(port)")"
    }

    private var hostText: String { host.contains(":") ? "[\(host)]" : host }

    /// As in a `host` field.
    public var hostField: String { port == (tls ? 443 : 80) ? hostText : "\(hostText):\(port)" }
}
