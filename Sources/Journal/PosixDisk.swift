#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Files of this machine.
public struct PosixDisk: Disk {
    public init() {}

    public func makeFolder(_ folder: String) throws(DiskError) {
        var path = folder.hasPrefix("/") ? "" : "."
        for part in folder.split(separator: "/") {
            path += "/" + part
            if mkdir(path, 0o700) != 0, errno != EEXIST { throw failure(.makeFolder, path) }
        }
    }

    public func list(_ folder: String) throws(DiskError) -> [String] {
        guard let stream = opendir(folder) else { throw failure(.list, folder) }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw failure(.list, folder) }
                return names
            }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
    }

    public func lock(_ path: String) throws(DiskError) -> any DiskLock {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(.lock, path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let error = failure(.lock, path)
            _ = close(descriptor)
            throw error
        }
        return PosixLock(descriptor: descriptor)
    }

    public func create(_ path: String, bytes: Int) throws(DiskError) -> any DiskFile {
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(.create, path) }
        do throws(DiskError) {
            try reserve(descriptor, path, bytes)
        } catch {
            _ = close(descriptor)
            _ = unlink(path)
            throw error
        }
        return PosixFile(descriptor: descriptor, path: path)
    }

    public func open(_ path: String) throws(DiskError) -> any DiskFile {
        var descriptor = open(path, O_RDWR | O_CLOEXEC)
        // A log can be read on a medium that cannot be written; a write there fails by itself.
        if descriptor < 0, errno == EROFS || errno == EACCES { descriptor = open(path, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw failure(.open, path) }
        return PosixFile(descriptor: descriptor, path: path)
    }

    public func remove(_ path: String) throws(DiskError) {
        guard unlink(path) == 0 else { throw failure(.remove, path) }
    }

    public func removeFolder(_ folder: String) throws(DiskError) {
        guard rmdir(folder) == 0 else { throw failure(.remove, folder) }
    }

    public func rename(_ path: String, to new: String) throws(DiskError) {
        #if canImport(Glibc)
        let result = Glibc.rename(path, new)
        #elseif canImport(Musl)
        let result = Musl.rename(path, new)
        #else
        let result = Darwin.rename(path, new)
        #endif
        guard result == 0 else { throw failure(.rename, path) }
    }

    public func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws(DiskError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(.create, path) }
        let file = PosixFile(descriptor: descriptor, path: path)
        defer { file.close() }
        try file.write(bytes, at: 0)
    }

    public func contents(of path: String) throws(DiskError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw failure(.open, path)
        }
        let file = PosixFile(descriptor: descriptor, path: path)
        defer { file.close() }
        var problem: DiskError?
        let size = try file.size()
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { space, filled in
            do throws(DiskError) {
                filled = try file.read(into: UnsafeMutableRawBufferPointer(space), at: 0)
            } catch {
                problem = error
            }
        }
        if let problem { throw problem }
        return bytes
    }

    public func syncFolder(_ folder: String) throws(DiskError) {
        let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(.sync, folder) }
        defer { _ = close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(.sync, folder) }
    }

    private func open(_ path: String, _ flags: Int32, _ mode: mode_t = 0) -> Int32 {
        #if canImport(Glibc)
        Glibc.open(path, flags, mode)
        #elseif canImport(Musl)
        Musl.open(path, flags, mode)
        #else
        Darwin.open(path, flags, mode)
        #endif
    }

    private func reserve(_ descriptor: Int32, _ path: String, _ bytes: Int) throws(DiskError) {
        #if canImport(Darwin)
        guard ftruncate(descriptor, off_t(bytes)) == 0 else { throw failure(.create, path) }
        #else
        let code = posix_fallocate(descriptor, 0, off_t(bytes))
        guard code == 0 else { throw failure(.create, path, code) }
        #endif
    }
}

private struct PosixLock: DiskLock {
    let descriptor: Int32
    func release() { _ = close(descriptor) }
}

private struct PosixFile: DiskFile {
    let descriptor: Int32
    let path: String

    func size() throws(DiskError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure(.read, path) }
        return Int(status.st_size)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DiskError) {
        var done = 0
        while done < bytes.count {
            guard let base = bytes.baseAddress else { return }
            let count = pwrite(descriptor, base + done, bytes.count - done, off_t(offset + done))
            if count < 0 {
                if errno == EINTR { continue }
                throw failure(.write, path)
            }
            // A write of nothing does not say why; the file has no room for it.
            guard count > 0 else { throw failure(.write, path, ENOSPC) }
            done += count
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(DiskError) -> Int {
        var done = 0
        while done < buffer.count {
            guard let base = buffer.baseAddress else { break }
            let count = pread(descriptor, base + done, buffer.count - done, off_t(offset + done))
            if count < 0 {
                if errno == EINTR { continue }
                throw failure(.read, path)
            }
            if count == 0 { break }
            done += count
        }
        return done
    }

    // One call only: Linux reports a failed write-back once and forgets it, so an answer after an error means nothing.
    func sync() throws(DiskError) {
        #if canImport(Darwin)
        let result = fcntl(descriptor, F_FULLFSYNC)
        #else
        let result = fdatasync(descriptor)
        #endif
        guard result == 0 else { throw failure(.sync, path) }
    }

    func truncate(to bytes: Int) throws(DiskError) {
        guard ftruncate(descriptor, off_t(bytes)) == 0 else { throw failure(.truncate, path) }
    }

    func close() {
        #if canImport(Glibc)
        _ = Glibc.close(descriptor)
        #elseif canImport(Musl)
        _ = Musl.close(descriptor)
        #else
        _ = Darwin.close(descriptor)
        #endif
    }
}

private func failure(_ operation: DiskError.Operation, _ path: String, _ code: Int32 = errno) -> DiskError {
    DiskError(operation, path, code: code, reason: String(cString: strerror(code)))
}
