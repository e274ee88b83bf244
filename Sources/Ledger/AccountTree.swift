public import Core

/// One account as a person or a metric reads it.
public struct AccountView: Sendable, Hashable {
    public var name: AccountName
    public var limit: Money?
    public var settled: MoneyTotal
    /// Held for attempts under way, undrawn in allowances, or in doubt.
    public var reserved: MoneyTotal
    /// The part of `reserved` that allowances have not drawn.
    public var undrawn: MoneyTotal
}

extension Accounts {
    /// Adds a key with its team and tenant, or finds it. Its index never changes.
    public mutating func addKey(_ id: String, tenant: String, team: String, limit: Money?) -> Int {
        if let index = keyIndexOf[id] { return index }
        let tenantAccount = account(.tenant(tenant))
        let teamAccount = account(.team(tenant: tenant, team: team))
        let keyAccount = account(.key(id))
        accounts[Int(keyAccount)].limit = limit
        keys.append(KeyState(account: keyAccount, team: teamAccount, tenant: tenantAccount))
        keyIndexOf[id] = keys.count - 1
        return keys.count - 1
    }

    public func keyIndex(_ id: String) -> Int? { keyIndexOf[id] }

    /// Sets or clears the monthly limit of an account, made if need be. True when that changed something.
    @discardableResult
    public mutating func setLimit(_ name: AccountName, _ limit: Money?) -> Bool {
        let index = Int(account(name))
        guard accounts[index].limit != limit else { return false }
        accounts[index].limit = limit
        return true
    }

    /// The monthly limit that is set for an account now.
    public func limit(_ name: AccountName) -> Money? { indexOf[name].flatMap { accounts[Int($0)].limit } }

    /// A revoked key holds no more; what it has under way ends as ever. Effects: its allowance comes back.
    public mutating func revoke(key index: Int, at moment: Timestamp) {
        turn(at: moment)
        keys[index].revoked = true
        callBack(index)
    }

    /// Every account in the current window.
    public func views() -> [AccountView] {
        accounts.map { account in
            AccountView(
                name: account.name, limit: account.limit, settled: MoneyTotal(nanos: account.settled),
                reserved: MoneyTotal(nanos: account.reserved), undrawn: MoneyTotal(nanos: account.undrawn))
        }
    }

    mutating func account(_ name: AccountName) -> Int32 {
        if let index = indexOf[name] { return index }
        let index = Int32(accounts.count)
        accounts.append(Account(name: name))
        indexOf[name] = index
        return index
    }
}
