import Cedar

/// A condition as a proof asks it, for known circumstances: it looks at labels only where its answer depends on them.
indirect enum Tree {
    /// nil: it errs.
    case constant(Bool?)
    /// A part that reads one dimension, by its number.
    case part(Int)
    case and([Tree])
    case or([Tree])
    case not(Tree)
    case choose(Tree, then: Tree, otherwise: Tree)
    /// Takes several dimensions together in a form other than these. Its parts say all that it can depend on.
    case mixed([Int], Expression)
    case undecided(Undecided)

    /// Every part in it.
    var parts: [Int] {
        switch self {
        case .constant, .undecided: []
        case .part(let part): [part]
        case .and(let all), .or(let all): all.flatMap(\.parts)
        case .not(let one): one.parts
        case .choose(let condition, let then, let otherwise): condition.parts + then.parts + otherwise.parts
        case .mixed(let parts, _): parts
        }
    }
}

/// A part of a condition that reads one dimension.
struct Part {
    var expression: Expression
    var dimension: Dimension
    var readings: Readings
    /// What has to be asked for its value, where the dimension is a set of words.
    var questions: [LabelQuestion]
    var patterns: [Pattern]
    /// Why no finite number of values stands for all.
    var undecided: Undecided?
}
