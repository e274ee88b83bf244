/// What a peer did that HTTP/1.1, read strictly, does not allow. The raw value is stable, for logs and tests.
public enum HTTPViolation: String, Error, Sendable, Hashable, CaseIterable {
    // The start line.
    case malformedRequestLine = "malformed_request_line"
    case malformedStatusLine = "malformed_status_line"
    case unknownMethod = "unknown_method"
    case targetForm = "target_form"
    case badTarget = "bad_target"
    case targetTooLong = "target_too_long"
    case unsupportedVersion = "unsupported_version"

    // Lines.
    case bareLineFeed = "bare_line_feed"
    case bareCarriageReturn = "bare_carriage_return"
    case foldedLine = "folded_line"
    case spaceBeforeColon = "space_before_colon"
    case emptyFieldName = "empty_field_name"
    case badFieldName = "bad_field_name"
    case badFieldValue = "bad_field_value"
    case headTooLarge = "head_too_large"
    case tooManyFields = "too_many_fields"

    // What the fields say.
    case missingHost = "missing_host"
    case duplicateHost = "duplicate_host"
    case badHost = "bad_host"
    case duplicateField = "duplicate_field"
    case unknownExpectation = "unknown_expectation"

    // Where a body ends.
    case duplicateContentLength = "duplicate_content_length"
    case badContentLength = "bad_content_length"
    case duplicateTransferEncoding = "duplicate_transfer_encoding"
    case unsupportedTransferEncoding = "unsupported_transfer_encoding"
    case contentLengthAndTransferEncoding = "content_length_and_transfer_encoding"
    case transferEncodingInOldVersion = "transfer_encoding_in_old_version"
    case badChunkSize = "bad_chunk_size"
    case chunkTooLarge = "chunk_too_large"
    case chunkExtension = "chunk_extension"
    case badChunkEnd = "bad_chunk_end"
    case trailers
    case bodyTooLarge = "body_too_large"

    // Answers only.
    case badStatus = "bad_status"
    case switchedProtocols = "switched_protocols"
    case tooManyInformational = "too_many_informational"
    case closingInformational = "closing_informational"
    case unexpectedBody = "unexpected_body"
    case unframedBody = "unframed_body"
    case unsolicitedAnswer = "unsolicited_answer"
    case closedBeforeAnswer = "closed_before_answer"
    case closedInHead = "closed_in_head"
    case closedInBody = "closed_in_body"

    public var code: String { rawValue }

    /// What a server answers to a request that did this; 502 for what only an answer can do.
    public var status: Int {
        switch self {
        case .bodyTooLarge: 413
        case .targetTooLong: 414
        case .unknownExpectation: 417
        case .headTooLarge, .tooManyFields: 431
        case .unknownMethod, .unsupportedTransferEncoding: 501
        case .malformedStatusLine, .badStatus, .switchedProtocols, .tooManyInformational, .closingInformational,
            .unexpectedBody, .unframedBody, .unsolicitedAnswer, .closedBeforeAnswer, .closedInHead, .closedInBody:
            502
        case .unsupportedVersion: 505
        default: 400
        }
    }
}
