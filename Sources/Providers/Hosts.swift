public import Core

/// Where a provider's API is reached in one region of one cloud.
public struct RegionHost: Sendable, Hashable {
    /// As `share/places.json` names it.
    public var cloud: String
    /// nil: in every region of it.
    public var region: String?
    /// The host of all customers.
    public var shared: String?
    /// A customer's own, with `{name}` for the part that is his.
    public var own: String?
    /// Seen in third-party code only, or with doubt.
    public var isUnverified = false

    init(_ cloud: String, _ region: String?, _ shared: String? = nil, own: String? = nil, isUnverified: Bool = false) {
        self.cloud = cloud
        self.region = region
        self.shared = shared
        self.own = own
        self.isUnverified = isUnverified
    }

    /// The host, with a customer's own part where there is one; nil where that is missing.
    public func host(name: String?) -> String? {
        guard let name, let own else { return shared }
        return own.replacing("{name}", with: name)
    }

    /// Whether a host is this one, whosever it is.
    public func matches(_ host: String) -> Bool {
        if host == shared { return true }
        guard let own else { return false }
        let tail = own.replacing("{name}", with: "")
        return host.hasSuffix(tail) && host.utf8.count > tail.utf8.count
            && !host.dropLast(tail.utf8.count).contains(".")
    }
}

extension String {
    fileprivate func replacing(_ part: String, with other: String) -> String {
        guard let start = firstIndex(of: "{"), let end = firstIndex(of: "}"), self[start...end] == part else { return self }
        return self[..<start] + other + self[index(after: end)...]
    }
}

extension ProviderKind {
    /// Where its API is, by region; empty for servers of one's own.
    public var hosts: [RegionHost] { wire.hosts }

    /// What the configuration calls the part of a host that is the customer's own; nil: there is none.
    public var hostNameKey: String? {
        switch self {
        case .azure: "resource"
        case .dashscope: "workspace"
        default: nil
        }
    }
}
