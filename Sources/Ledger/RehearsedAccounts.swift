public import Core

extension Accounts {
    /// A copy of the accounts that a fold describes, to play what did not happen: nothing is undrawn, what was under way holds nothing,
    /// and no allowance is granted, so that a hold counts on its own. What is settled, and what is in doubt, stays.
    public init(rehearsing fold: Fold, zones: [String: CivilZone]) {
        var none = AllowanceSettings()
        (none.block, none.underWayFactor, none.largestBlock) = (0, 0, 0)
        var table = fold.table
        for account in table.accounts.indices { table.accounts[account].undrawn = 0 }
        self.init(table, following: fold.next, settings: none, zones: zones)
        for id in fold.keyOrder {
            guard let key = fold.keys[id] else { continue }
            keys[addKey(id, tenant: key.record.tenant, team: key.record.team)].revoked = key.revoked != nil
        }
        for (sequence, hold) in fold.holds where hold.doubtfulSince == nil {
            guard let index = keyIndex(hold.entry.key) else { continue }
            self.table.addHeld(keys[index].chain, -Int128(hold.entry.amount.nanos), of: sequence)
        }
    }
}
