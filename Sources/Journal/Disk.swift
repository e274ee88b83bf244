#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What the journal needs of a disk, and no more: `PosixDisk` in service, a disk that forgets unsynced sectors in tests.
public protocol Disk: Sendable {
    /// Makes the folder if it is not there.
    func makeFolder(_ folder: String) throws(DiskError)
    /// Names of the files and folders that lie in a folder itself, in any order.
    func list(_ folder: String) throws(DiskError) -> [String]
    /// Takes an exclusive lock that ends with the process or with `DiskLock.release`.
    func lock(_ path: String) throws(DiskError) -> any DiskLock
    /// Makes a new file with `bytes` of reserved space that reads as zeros; it must not exist.
    func create(_ path: String, bytes: Int) throws(DiskError) -> any DiskFile
    func open(_ path: String) throws(DiskError) -> any DiskFile
    func remove(_ path: String) throws(DiskError)
    /// Removes a folder that is empty.
    func removeFolder(_ folder: String) throws(DiskError)
    /// Gives a file another name, in place of any file that has it; everybody sees the one or the other.
    func rename(_ path: String, to new: String) throws(DiskError)
    /// Makes a file that holds these bytes and nothing else, whatever was there before.
    func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws(DiskError)
    /// All of a small file, without asking for the right to change it; `nil` if there is none.
    func contents(of path: String) throws(DiskError) -> [UInt8]?
    /// Makes file names that were added, changed or removed in a folder durable.
    func syncFolder(_ folder: String) throws(DiskError)
}

extension Disk {
    /// Makes what a file holds durable. Once for one file: after an error only a new file can be made durable.
    func sync(_ path: String) throws(DiskError) {
        let file = try open(path)
        defer { file.close() }
        try file.sync()
    }

    func write(_ bytes: [UInt8], to path: String) throws(DiskError) {
        let result = bytes.withUnsafeBytes { buffer -> Result<Void, DiskError> in
            do throws(DiskError) { return .success(try write(buffer, to: path)) } catch { return .failure(error) }
        }
        try result.get()
    }
}

/// An open file. The journal writes each file from one thread.
public protocol DiskFile: Sendable {
    func size() throws(DiskError) -> Int
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DiskError)
    /// Reads up to the buffer's size; fewer bytes only at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(DiskError) -> Int
    /// Makes everything written durable. After an error nothing about the file's unsynced bytes is known, now or later.
    func sync() throws(DiskError)
    func truncate(to bytes: Int) throws(DiskError)
    func close()
}

public protocol DiskLock: Sendable {
    func release()
}

/// A refusal of the disk, with the system's error number.
public struct DiskError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Operation: String, Sendable {
        case makeFolder = "make folder", list, lock, create, open, remove, rename, write, read, sync, truncate
    }

    public var operation: Operation
    public var path: String
    public var code: Int32
    public var reason: String

    public init(_ operation: Operation, _ path: String, code: Int32, reason: String) {
        self.operation = operation
        self.path = path
        self.code = code
        self.reason = reason
    }

    /// There is no such file or folder.
    var isMissing: Bool { code == ENOENT }

    /// A lock that somebody else has.
    public var isHeldByAnother: Bool { operation == .lock && code == EWOULDBLOCK }

    public var description: String { "cannot \(operation.rawValue) \(path): \(reason)" }
}
