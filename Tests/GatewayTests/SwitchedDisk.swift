import Glibc
import Journal
import Synchronization

/// A real disk whose writes and syncs can be made to fail, or to take as long as the test wants.
final class SwitchedDisk: Disk {
    private let real = PosixDisk()
    private let failing = Atomic<Bool>(false)

    var fails: Bool {
        get { failing.load(ordering: .relaxed) }
        set { failing.store(newValue, ordering: .relaxed) }
    }

    private let stalled = Atomic<Bool>(false)

    /// Writes and syncs wait until it is false again.
    var stalls: Bool {
        get { stalled.load(ordering: .relaxed) }
        set { stalled.store(newValue, ordering: .relaxed) }
    }

    private func check(_ operation: DiskError.Operation, _ path: String) throws(DiskError) {
        while stalls { usleep(1_000) }
        if fails { throw DiskError(operation, path, code: 5, reason: "the test says so") }
    }

    func makeFolder(_ folder: String) throws(DiskError) { try real.makeFolder(folder) }
    func list(_ folder: String) throws(DiskError) -> [String] { try real.list(folder) }
    func lock(_ path: String) throws(DiskError) -> any DiskLock { try real.lock(path) }
    func create(_ path: String, bytes: Int) throws(DiskError) -> any DiskFile {
        try check(.create, path)
        return File(disk: self, path: path, real: try real.create(path, bytes: bytes))
    }
    func open(_ path: String) throws(DiskError) -> any DiskFile { File(disk: self, path: path, real: try real.open(path)) }
    func remove(_ path: String) throws(DiskError) { try real.remove(path) }
    func removeFolder(_ folder: String) throws(DiskError) { try real.removeFolder(folder) }
    func rename(_ path: String, to new: String) throws(DiskError) { try real.rename(path, to: new) }
    func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws(DiskError) {
        try check(.write, path)
        try real.write(bytes, to: path)
    }
    func contents(of path: String) throws(DiskError) -> [UInt8]? { try real.contents(of: path) }
    func syncFolder(_ folder: String) throws(DiskError) { try real.syncFolder(folder) }

    private struct File: DiskFile {
        let disk: SwitchedDisk
        let path: String
        let real: any DiskFile

        func size() throws(DiskError) -> Int { try real.size() }
        func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DiskError) {
            try disk.check(.write, path)
            try real.write(bytes, at: offset)
        }
        func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(DiskError) -> Int {
            try real.read(into: buffer, at: offset)
        }
        func sync() throws(DiskError) {
            try disk.check(.sync, path)
            try real.sync()
        }
        func truncate(to bytes: Int) throws(DiskError) { try real.truncate(to: bytes) }
        func close() { real.close() }
    }
}
