import Journal
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A disk in memory that keeps, when its power fails, what was synced and a random part of the rest, sector by sector.
///
/// It is as unkind as disks are: names and sizes need syncing too, a failed sync forgets which bytes it failed for, and a
/// write that the power interrupts leaves any part of itself. `boot()` gives the disk as one process has it.
public final class LossyDisk: Sendable {
    static let sectorBytes = 512

    struct State {
        var random: SeededRandom
        var files: [String: Contents] = [:]
        /// Removed, but the folder was not synced since: a loss of power may bring them back.
        var removed: [String: Contents] = [:]
        /// Renamed, but the folder was not synced since, in order: a loss of power may undo the last of them.
        var renamed: [Rename] = []
        /// Folders, and whether the name of each is durable.
        var folders: [String: Bool] = [:]
        var locks: Set<String> = []
        var isOn = true
        /// Counts losses of power: what was opened before one is of no use after it.
        var life = 0
        var operationsLeft: Int?
        var capacity: Int?
        var failingSyncs = 0
        var failingWrites = 0
        var syncsAfterFailedSync = 0
        var syncs = 0
    }

    struct Rename {
        var from: String
        var to: String
        var contents: Contents
        var replaced: Contents?
    }

    final class Contents {
        var bytes: [UInt8]
        /// What a loss of power certainly leaves, as long as the name is durable.
        var synced: [UInt8] = []
        var dirty: Set<Int> = []
        /// Sectors that a failed sync did not write and later ones do not try again.
        var forgotten: Set<Int> = []
        var sizeIsDirty = true
        var nameIsSynced = false
        var syncFailed = false

        init(bytes: [UInt8]) { self.bytes = bytes }
    }

    private let state: Mutex<State>

    public init(seed: UInt64) {
        state = Mutex(State(random: SeededRandom(seed: seed)))
    }

    // MARK: Playing faults

    /// The power fails at this many operations from now; the one it falls on may happen in part.
    public func failPower(afterOperations count: Int) { state.withLock { $0.operationsLeft = count } }

    public var isOn: Bool { state.withLock { $0.isOn } }

    /// Takes the power away, if it is still on, and gives it back: what survived is what is there now.
    public func restorePower() {
        state.withLock { state in
            state.losePower()
            state.isOn = true
            state.operationsLeft = nil
        }
    }

    /// The process ends without a word (`kill -9`): its locks and open files are gone, what it wrote is there.
    public func endProcess() {
        state.withLock { state in
            state.locks = []
            state.life += 1
        }
    }

    /// How many bytes all files may have together; `nil` for no limit.
    public func setCapacity(_ bytes: Int?) { state.withLock { $0.capacity = bytes } }

    public func failSyncs(_ count: Int) { state.withLock { $0.failingSyncs = count } }

    public func failWrites(_ count: Int) { state.withLock { $0.failingWrites = count } }

    /// How often a file was synced again after a sync of it had failed, which proves nothing and must not be relied on.
    public var syncsAfterFailedSync: Int { state.withLock { $0.syncsAfterFailedSync } }

    public var syncs: Int { state.withLock { $0.syncs } }

    public func contents(_ path: String) -> [UInt8]? { state.withLock { $0.files[path]?.bytes } }

    public var paths: [String] { state.withLock { $0.files.keys.sorted() } }

    /// Changes a file behind the journal's back, for good.
    public func replace(_ path: String, with bytes: [UInt8]) {
        state.withLock { state in
            let contents = Contents(bytes: bytes)
            contents.synced = bytes
            contents.sizeIsDirty = false
            contents.nameIsSynced = true
            state.files[path] = contents
            for folder in ancestors(of: path) { state.folders[folder] = true }
        }
    }

    /// Removes a file behind the journal's back, for good.
    public func erase(_ path: String) { state.withLock { $0.files[path] = nil } }

    /// The disk for one process: nothing works through it any more once the process or the power has gone.
    public func boot() -> some Disk { Process(disk: self, life: state.withLock { $0.life }) }

    // MARK: Parts

    /// Does one operation, unless it is the one that the power fails at; `inPart` is what may happen of it then.
    fileprivate func perform<Result: Sendable>(
        _ operation: DiskError.Operation, _ path: String, life: Int, inPart: (inout State) -> Void = { _ in },
        _ body: (inout State) throws(DiskError) -> Result
    ) throws(DiskError) -> Result {
        try state.withLock { state throws(DiskError) -> Result in
            guard state.isOn, life == state.life else { throw failure(operation, path, EIO) }
            if let left = state.operationsLeft {
                state.operationsLeft = left - 1
                if left <= 0 {
                    inPart(&state)
                    state.losePower()
                    state.isOn = false
                    throw failure(operation, path, EIO)
                }
            }
            return try body(&state)
        }
    }

    fileprivate struct Lock: DiskLock {
        let disk: LossyDisk
        let path: String
        let life: Int

        func release() {
            disk.state.withLock { state in
                if life == state.life { state.locks.remove(path) }
            }
        }
    }
}

extension LossyDisk {
    fileprivate struct Process: Disk {
        let disk: LossyDisk
        let life: Int

        func makeFolder(_ folder: String) throws(DiskError) {
            try disk.perform(.makeFolder, folder, life: life) { state in
                for path in ancestors(of: folder) + [folder] where state.folders[path] == nil { state.folders[path] = false }
            }
        }

        func list(_ folder: String) throws(DiskError) -> [String] {
            try disk.perform(.list, folder, life: life) { state throws(DiskError) in
                guard state.folders[folder] != nil else { throw failure(.list, folder, ENOENT) }
                return state.names(in: folder)
            }
        }

        func lock(_ path: String) throws(DiskError) -> any DiskLock {
            try disk.perform(.lock, path, life: life) { state throws(DiskError) in
                guard state.locks.insert(path).inserted else { throw failure(.lock, path, EWOULDBLOCK) }
            }
            return Lock(disk: disk, path: path, life: life)
        }

        func create(_ path: String, bytes: Int) throws(DiskError) -> any DiskFile {
            try disk.perform(.create, path, life: life) { state throws(DiskError) in
                guard state.files[path] == nil else { throw failure(.create, path, EEXIST) }
                guard state.folders[parent(of: path)] != nil else { throw failure(.create, path, ENOENT) }
                if let capacity = state.capacity, state.usedBytes + bytes > capacity { throw failure(.create, path, ENOSPC) }
                let contents = Contents(bytes: [])
                contents.bytes.resize(to: bytes)
                state.files[path] = contents
            }
            return File(disk: disk, path: path, life: life)
        }

        func open(_ path: String) throws(DiskError) -> any DiskFile {
            try disk.perform(.open, path, life: life) { state throws(DiskError) in
                guard state.files[path] != nil else { throw failure(.open, path, ENOENT) }
            }
            return File(disk: disk, path: path, life: life)
        }

        func remove(_ path: String) throws(DiskError) {
            try disk.perform(.remove, path, life: life) { state throws(DiskError) in
                guard let contents = state.files.removeValue(forKey: path) else { throw failure(.remove, path, ENOENT) }
                if contents.nameIsSynced { state.removed[path] = contents }
            }
        }

        func removeFolder(_ folder: String) throws(DiskError) {
            try disk.perform(.remove, folder, life: life) { state throws(DiskError) in
                guard state.folders[folder] != nil else { throw failure(.remove, folder, ENOENT) }
                guard state.names(in: folder).isEmpty else { throw failure(.remove, folder, ENOTEMPTY) }
                state.folders[folder] = nil
            }
        }

        func rename(_ path: String, to new: String) throws(DiskError) {
            try disk.perform(.rename, path, life: life) { state throws(DiskError) in
                guard let contents = state.files.removeValue(forKey: path) else { throw failure(.rename, path, ENOENT) }
                state.renamed.append(.init(from: path, to: new, contents: contents, replaced: state.files[new]))
                state.files[new] = contents
            }
        }

        func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws(DiskError) {
            let new = Array(bytes)
            // The power may fail when the file is empty, or has a part.
            let partly: (inout State) -> Void = { state in
                guard state.folders[parent(of: path)] != nil else { return }
                let contents = state.emptied(path)
                let kept = Int.random(in: 0...new.count, using: &state.random)
                new.withUnsafeBytes { contents.write(UnsafeRawBufferPointer(rebasing: $0[..<kept]), at: 0) }
            }
            try disk.perform(.write, path, life: life, inPart: partly) { state throws(DiskError) in
                guard state.folders[parent(of: path)] != nil else { throw failure(.create, path, ENOENT) }
                if state.failingWrites > 0 {
                    state.failingWrites -= 1
                    partly(&state)
                    throw failure(.write, path, EIO)
                }
                let grown = new.count - (state.files[path]?.bytes.count ?? 0)
                if let capacity = state.capacity, state.usedBytes + grown > capacity {
                    throw failure(.write, path, ENOSPC)
                }
                let contents = state.emptied(path)
                new.withUnsafeBytes { contents.write($0, at: 0) }
            }
        }

        func contents(of path: String) throws(DiskError) -> [UInt8]? {
            try disk.perform(.read, path, life: life) { state in state.files[path]?.bytes }
        }

        func syncFolder(_ folder: String) throws(DiskError) {
            try disk.perform(.sync, folder, life: life) { state in
                for (path, contents) in state.files where parent(of: path) == folder { contents.nameIsSynced = true }
                for path in state.folders.keys where parent(of: path) == folder { state.folders[path] = true }
                state.removed = state.removed.filter { parent(of: $0.key) != folder }
                state.renamed.removeAll { parent(of: $0.to) == folder }
            }
        }
    }
}

/// The folder that a path lies in.
private func parent(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// Every folder above a path, the uppermost first.
private func ancestors(of path: String) -> [String] {
    var found: [String] = []
    var folder = parent(of: path)
    while folder != ".", folder != "/" {
        found.insert(folder, at: 0)
        folder = parent(of: folder)
    }
    return found
}

extension LossyDisk.State {
    var usedBytes: Int { files.values.reduce(0) { $0 + $1.bytes.count } }

    mutating func losePower() {
        guard isOn else { return }
        life += 1
        locks = []
        undoRenames()
        for path in removed.keys.sorted() where files[path] == nil && Bool.random(using: &random) { files[path] = removed[path] }
        removed = [:]
        loseFolders()
        // Sometimes all of it goes, sometimes nothing, mostly some.
        let keptInTen = Int.random(in: -2...12, using: &random)
        // Sorted, so that a seed plays the same each time.
        for path in files.keys.sorted() {
            guard let contents = files[path] else { continue }
            if !contents.nameIsSynced, !Bool.random(using: &random) {
                files[path] = nil
                continue
            }
            contents.lose(keptInTen: keptInTen, &random)
        }
    }

    /// Names change in order, so what is undone are the last renames.
    private mutating func undoRenames() {
        let kept = Int.random(in: 0...renamed.count, using: &random)
        for rename in renamed[kept...].reversed() where files[rename.to] === rename.contents {
            files[rename.to] = rename.replaced
            if files[rename.from] == nil { files[rename.from] = rename.contents }
        }
        for rename in renamed[..<kept] where files[rename.to] === rename.contents { rename.contents.nameIsSynced = true }
        renamed = []
    }

    /// A folder whose name is lost takes with it what is in it.
    private mutating func loseFolders() {
        for folder in folders.keys.sorted() {
            guard let isSynced = folders[folder] else { continue }
            if isSynced || Bool.random(using: &random) {
                folders[folder] = true
                continue
            }
            let prefix = folder + "/"
            folders = folders.filter { $0.key != folder && !$0.key.hasPrefix(prefix) }
            files = files.filter { !$0.key.hasPrefix(prefix) }
        }
    }

    /// What lies in a folder itself.
    func names(in folder: String) -> [String] {
        (Array(files.keys) + Array(folders.keys)).filter { parent(of: $0) == folder }
            .map { $0.hasPrefix(folder + "/") ? String($0.dropFirst(folder.utf8.count + 1)) : $0 }.sorted()
    }

    /// A file without bytes, made if it was not there.
    mutating func emptied(_ path: String) -> LossyDisk.Contents {
        let contents = files[path] ?? LossyDisk.Contents(bytes: [])
        contents.bytes = []
        contents.sizeIsDirty = true
        files[path] = contents
        return contents
    }
}

extension LossyDisk.Contents {
    func lose(keptInTen: Int, _ random: inout SeededRandom) {
        let size = sizeIsDirty && Bool.random(using: &random) ? bytes.count : synced.count
        var left = synced
        left.resize(to: size)
        let kept = dirty.union(forgotten).sorted().filter { _ in Int.random(in: 0..<10, using: &random) < keptInTen }
        copy(kept, from: bytes, to: &left)
        bytes = left
        synced = left
        dirty = []
        forgotten = []
        sizeIsDirty = false
        nameIsSynced = true
        syncFailed = false
    }

    func write(_ new: UnsafeRawBufferPointer, at offset: Int) {
        guard !new.isEmpty else { return }
        if offset + new.count > bytes.count {
            bytes.resize(to: offset + new.count)
            sizeIsDirty = true
        }
        bytes.withUnsafeMutableBytes { UnsafeMutableRawBufferPointer(rebasing: $0[offset...]).copyMemory(from: new) }
        dirty.formUnion(offset / LossyDisk.sectorBytes...(offset + new.count - 1) / LossyDisk.sectorBytes)
    }

    private func copy(_ sectors: [Int], from source: [UInt8], to target: inout [UInt8]) {
        let size = min(source.count, target.count)
        source.withUnsafeBytes { source in
            target.withUnsafeMutableBytes { target in
                for sector in sectors where sector * LossyDisk.sectorBytes < size {
                    let place = sector * LossyDisk.sectorBytes..<min((sector + 1) * LossyDisk.sectorBytes, size)
                    UnsafeMutableRawBufferPointer(rebasing: target[place])
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[place]))
                }
            }
        }
    }

    func sync() {
        synced.resize(to: bytes.count)
        copy(dirty.sorted(), from: bytes, to: &synced)
        dirty = []
        sizeIsDirty = false
    }
}

extension LossyDisk {
    fileprivate struct File: DiskFile {
        let disk: LossyDisk
        let path: String
        let life: Int

        func size() throws(DiskError) -> Int {
            try disk.perform(.read, path, life: life) { state throws(DiskError) in
                try contents(in: state, .read).bytes.count
            }
        }

        func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DiskError) {
            let partly: (inout State) -> Void = { state in
                let sectors = Int.random(in: 0...bytes.count / sectorBytes, using: &state.random)
                state.files[path]?.write(UnsafeRawBufferPointer(rebasing: bytes[0..<sectors * sectorBytes]), at: offset)
            }
            try disk.perform(.write, path, life: life, inPart: partly) { state throws(DiskError) in
                let contents = try contents(in: state, .write)
                if state.failingWrites > 0 {
                    state.failingWrites -= 1
                    partly(&state)
                    throw failure(.write, path, EIO)
                }
                let grown = max(0, offset + bytes.count - contents.bytes.count)
                if let capacity = state.capacity, grown > 0, state.usedBytes + grown > capacity {
                    partly(&state)
                    throw failure(.write, path, ENOSPC)
                }
                contents.write(bytes, at: offset)
            }
        }

        func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(DiskError) -> Int {
            // The closure's state may not hold the caller's memory, so the bytes come out as a copy.
            let found = try disk.perform(.read, path, life: life) { state throws(DiskError) -> ArraySlice<UInt8> in
                let bytes = try contents(in: state, .read).bytes
                return bytes[min(offset, bytes.count)..<min(offset + buffer.count, bytes.count)]
            }
            found.withUnsafeBytes { buffer.copyMemory(from: $0) }
            return found.count
        }

        func sync() throws(DiskError) {
            try disk.perform(.sync, path, life: life) { state throws(DiskError) in
                let contents = try contents(in: state, .sync)
                state.syncs += 1
                if contents.syncFailed { state.syncsAfterFailedSync += 1 }
                if state.failingSyncs > 0 {
                    state.failingSyncs -= 1
                    contents.syncFailed = true
                    contents.forgotten.formUnion(contents.dirty)
                    contents.dirty = []
                    throw failure(.sync, path, EIO)
                }
                contents.sync()
            }
        }

        func truncate(to bytes: Int) throws(DiskError) {
            try disk.perform(.truncate, path, life: life) { state throws(DiskError) in
                let contents = try contents(in: state, .truncate)
                contents.bytes.resize(to: bytes)
                contents.sizeIsDirty = true
            }
        }

        func close() {}

        private func contents(in state: State, _ operation: DiskError.Operation) throws(DiskError) -> Contents {
            guard let contents = state.files[path] else { throw failure(operation, path, ENOENT) }
            return contents
        }
    }
}

extension [UInt8] {
    /// With the C library, since these tests run unoptimised and by the thousand.
    fileprivate mutating func resize(to size: Int) {
        guard size != count else { return }
        let old = self
        self = [UInt8](unsafeUninitializedCapacity: size) { space, filled in
            let kept = Swift.min(size, old.count)
            guard let base = space.baseAddress else { return }
            old.withUnsafeBytes { bytes in
                if let source = bytes.baseAddress { memcpy(base, source, kept) }
            }
            memset(base + kept, 0, size - kept)
            filled = size
        }
    }
}

private func failure(_ operation: DiskError.Operation, _ path: String, _ code: Int32) -> DiskError {
    DiskError(operation, path, code: code, reason: String(cString: strerror(code)))
}
