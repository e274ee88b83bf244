import Core

/// Leave to send something that is no call. Only Policy makes one, from what the configuration says, and whoever sends such things asks
/// for it. `weir endpoints` lists them, and the journal has each as an administrative act.
public struct Grant: Sendable, Hashable {
    public enum Purpose: String, Sendable, Hashable, CaseIterable {
        /// To ask an authority for a token.
        case tokenRefresh = "token-refresh"
    }

    public let purpose: Purpose
    /// For whose sake.
    public let endpoint: String
    /// Where the token will be shown: one for another place is another grant.
    public let origin: Origin
    /// Where it may be sent, and nowhere else.
    public let authority: Authority
    /// What the authority is shown.
    public let credential: Credential

    fileprivate init(_ purpose: Purpose, _ endpoint: Endpoint, _ authority: Authority, _ credential: Credential) {
        self.purpose = purpose
        self.endpoint = endpoint.name
        origin = endpoint.origin
        self.authority = authority
        self.credential = credential
    }
}

extension Grant: CustomStringConvertible {
    /// `azure-sweden at https://login.microsoftonline.com`: no secret is in it.
    public var description: String { "\(endpoint) at \(authority.origin)" }
}

extension Endpoint {
    /// Leave to ask for the tokens that it takes; nil: it takes none.
    public var tokenGrant: Grant? {
        guard let credential, let authority = credential.authority else { return nil }
        return Grant(.tokenRefresh, self, authority, credential)
    }
}
