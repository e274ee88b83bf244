import Core

/// Balances of accounts by month, each account by a number.
struct PlaceTable: Sendable {
    private struct Account: Sendable {
        var limit: Money?
        /// The place that was used last, which nearly always is the one wanted next; -1: none.
        var place: Int32 = -1
        var window = Window(months: 0)
    }

    private struct Spot: Sendable {
        var account: Int32
        var window: Window
        var balance = Fold.Balance()
    }

    private struct Key: Sendable, Hashable {
        var account: Int32
        var window: Window
    }

    private var accountNames: [AccountName] = []
    private var accountNumbers: [AccountName: Int32] = [:]
    private var accounts: [Account] = []
    private var spots: [Spot] = []
    private var spotNumbers: [Key: Int32] = [:]

    var all: [Fold.Place: Fold.Balance] {
        var all: [Fold.Place: Fold.Balance] = [:]
        for spot in spots { all[Fold.Place(account: accountNames[Int(spot.account)], window: spot.window)] = spot.balance }
        return all
    }

    func name(_ account: Int32) -> AccountName { accountNames[Int(account)] }

    func balance(_ name: AccountName, _ window: Window) -> Fold.Balance? {
        guard let account = accountNumbers[name], let spot = spotNumbers[Key(account: account, window: window)] else {
            return nil
        }
        return spots[Int(spot)].balance
    }

    /// The number of an account, which is made if need be.
    mutating func account(_ name: AccountName) -> Int32 {
        if let number = accountNumbers[name] { return number }
        let number = Int32(accounts.count)
        accounts.append(Account())
        accountNames.append(name)
        accountNumbers[name] = number
        return number
    }

    mutating func setLimit(_ name: AccountName, _ limit: Money?) {
        let account = account(name)
        accounts[Int(account)].limit = limit
    }

    mutating func set(_ place: Fold.Place, _ balance: Fold.Balance) {
        let spot = spot(account(place.account), place.window)
        spots[spot].balance = balance
    }

    func undrawn(_ account: Int32, _ window: Window) -> Int128 {
        let last = accounts[Int(account)]
        if last.place >= 0, last.window == window { return spots[Int(last.place)].balance.undrawn }
        return spotNumbers[Key(account: account, window: window)].map { spots[Int($0)].balance.undrawn } ?? 0
    }

    /// - Returns: whether the account is within its limit afterwards.
    @inline(__always)
    mutating func change(_ account: Int32, _ window: Window, _ body: (inout Fold.Balance) -> Void) -> Bool {
        let spot = spot(account, window)
        body(&spots[spot].balance)
        guard let limit = accounts[Int(account)].limit else { return true }
        return spots[spot].balance.total <= Int128(limit.nanos)
    }

    @inline(__always)
    private mutating func spot(_ account: Int32, _ window: Window) -> Int {
        let last = accounts[Int(account)]
        if last.place >= 0, last.window == window { return Int(last.place) }
        return findSpot(account, window)
    }

    @inline(never)
    private mutating func findSpot(_ account: Int32, _ window: Window) -> Int {
        let key = Key(account: account, window: window)
        var number = Int32(spots.count)
        if let known = spotNumbers[key] {
            number = known
        } else {
            spots.append(Spot(account: account, window: window))
            spotNumbers[key] = number
        }
        accounts[Int(account)].place = number
        accounts[Int(account)].window = window
        return Int(number)
    }
}
