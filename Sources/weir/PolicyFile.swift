import Crypto
import Foundation
import Policy

/// The policies of a configuration as they are kept: a file whose name is the hash of its text, so that every hash in the journal can be
/// opened years later.
enum PolicyFile {
    /// In Weir's data folder.
    static let folderName = "policies"

    /// SHA-256 of the text, in hexadecimal.
    static func wholeHash(of book: PolicyBook) -> String {
        SHA256.hash(data: Data(book.text.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Its first 128 bits, which entries of the journal name it by.
    static func hash(of book: PolicyBook) -> String { String(wholeHash(of: book).prefix(32)) }

    /// Keeps the text in the data folder, before anything is decided by it. A file that is there already has this text.
    static func keep(_ book: PolicyBook, in dataFolder: String) throws {
        let folder = dataFolder + "/" + folderName
        try makePrivateFolder(folder)
        let path = "\(folder)/\(hash(of: book)).cedar"
        guard !FileManager.default.fileExists(atPath: path) else { return }
        let fresh = path + ".new"
        try Data(book.text.utf8).write(to: URL(filePath: fresh))
        let handle = try FileHandle(forWritingTo: URL(filePath: fresh))
        try handle.synchronize()
        try handle.close()
        guard rename(fresh, path) == 0 else {
            throw NodeError("The policies cannot be kept as \(path): \(String(cString: strerror(errno))).")
        }
    }
}
