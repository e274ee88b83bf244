/// Counts requests and tokens in fixed windows that start with their first request.
struct RateWindow: Sendable {
    private var start: UInt64 = 0
    private var requests = 0
    private var tokens = 0

    /// How a request was taken, and what is left.
    struct Use: Sendable {
        /// Nil: let through.
        var wait: (milliseconds: Int, isTokens: Bool)?
        var requestsLeft: Int
        var tokensLeft: Int
        var resetMilliseconds: Int
    }

    /// Counts a request at `now`, in nanoseconds of uptime; a refused one is not counted.
    mutating func admit(_ limits: RateLimits, tokens asked: Int, at now: UInt64) -> Use {
        let length = UInt64(limits.windowMilliseconds) * 1_000_000
        if start == 0 || now >= start + length {
            start = now
            requests = 0
            tokens = 0
        }
        let left = Int((start + length - now + 999_999) / 1_000_000)
        var wait: (Int, Bool)?
        if let most = limits.requests, requests + 1 > most {
            wait = (left, false)
        } else if let most = limits.tokens, tokens + asked > most {
            wait = (left, true)
        } else {
            requests += 1
            tokens += asked
        }
        return Use(
            wait: wait, requestsLeft: (limits.requests ?? requests) - requests, tokensLeft: (limits.tokens ?? tokens) - tokens,
            resetMilliseconds: left)
    }
}

extension RateWindow.Use {
    /// `x-ratelimit-*`: OpenAI writes durations, Azure plain numbers, the others nothing.
    func headers(_ provider: PlayedProvider, _ limits: RateLimits) -> [Header] {
        guard provider == .openai || provider == .azure else { return [] }
        let reset = provider == .openai ? "\(resetMilliseconds)ms" : String(resetMilliseconds)
        let period = provider == .azure ? String(max(1, limits.windowMilliseconds / 1_000)) : nil
        var headers: [Header] = []
        for (name, limit, left) in [
            ("requests", limits.requests, requestsLeft), ("tokens", limits.tokens, tokensLeft),
        ] {
            guard let limit else { continue }
            headers.append(Header("x-ratelimit-limit-\(name)", String(limit)))
            headers.append(Header("x-ratelimit-remaining-\(name)", String(left)))
            headers.append(Header("x-ratelimit-reset-\(name)", reset))
            if let period { headers.append(Header("x-ratelimit-renewalperiod-\(name)", period)) }
        }
        return headers
    }
}
