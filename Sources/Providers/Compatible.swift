import Core
import Wire

/// Any other server that speaks OpenAI's dialect. It may be a cloud that has a file of its own here, so the words of all of them count,
/// but for `insufficient_quota`, which means money at some and pace at others: pace is the milder guess.
enum Compatible: Provider {
    static func speaks(_ dialect: Dialect, apiVersion: String?) -> Bool { OpenAI.dialects.contains(dialect) }

    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning? {
        DashScope.meaning(error, status: status) ?? Ark.meaning(error, status: status) ?? ModelArts.meaning(error, status: status)
    }
}
