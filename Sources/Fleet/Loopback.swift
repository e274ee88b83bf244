import Glibc

/// How long a look at an engine may take: it is on this machine.
private let lookSeconds = 1

/// Whether something accepts connections on this loopback port.
func somethingListens(port: Int) -> Bool {
    let socket = connectLoopback(port: port)
    guard socket >= 0 else { return false }
    close(socket)
    return true
}

/// Whether a GET of the path is answered with status 200.
func answersReady(port: Int, path: String) -> Bool {
    let socket = connectLoopback(port: port)
    guard socket >= 0 else { return false }
    defer { close(socket) }
    let request = Array("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n\r\n".utf8)
    guard send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { return false }
    var answer = [UInt8](repeating: 0, count: 12)
    var filled = 0
    while filled < answer.count {
        let wanted = answer.count - filled
        let count = answer.withUnsafeMutableBytes { recv(socket, $0.baseAddress.map { $0 + filled }, wanted, 0) }
        guard count > 0 else { return false }
        filled += count
    }
    // "HTTP/1.1 200", or another minor version.
    return answer[..<7].elementsEqual("HTTP/1.".utf8) && answer[8...].elementsEqual(" 200".utf8)
}

private func connectLoopback(port: Int) -> Int32 {
    guard let port = UInt16(exactly: port) else { return -1 }
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return -1 }
    var limit = timeval(tv_sec: lookSeconds, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    let connected = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    guard connected == 0 else {
        close(descriptor)
        return -1
    }
    return descriptor
}

/// A pipe that ends a wait of another thread.
final class WakePipe: Sendable {
    let readEnd: Int32
    private let writeEnd: Int32

    init() throws(EngineError) {
        (readEnd, writeEnd) = try openPipe()
        for end in [readEnd, writeEnd] { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    func signal() {
        var byte: UInt8 = 1
        _ = write(writeEnd, &byte, 1)
    }

    func drain() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(readEnd, &bytes, bytes.count) > 0 {}
    }
}

/// Reading end, then writing end, both closed in any program that Weir becomes or starts.
func openPipe() throws(EngineError) -> (Int32, Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw EngineError(reason: "no pipe: \(errorText(errno))") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
}

/// Waits until one of two descriptors can be read, or the time is over. Negative descriptors are left out.
func waitReadable(_ a: Int32, _ b: Int32, milliseconds: Int64) {
    var watched = [
        pollfd(fd: a, events: Int16(POLLIN), revents: 0), pollfd(fd: b, events: Int16(POLLIN), revents: 0),
    ]
    poll(&watched, nfds_t(watched.count), Int32(clamping: milliseconds))
}

func monotonicMilliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
}

func errorText(_ code: Int32) -> String { String(cString: strerror(code)) }
