import NIOCore
import Testing
import Wire

@Suite("A body is edited by splices, and its other bytes stay")
struct SpliceTests {
    @Test("Replacing, inserting and removing, in any number")
    func edits() {
        let body = ByteBuffer(string: #"{"model":"a","n":1}"#)
        #expect(spliced(body, []) == body)
        #expect(String(buffer: spliced(body, [Splice(range: 10..<11, replacement: "gpt")])) == #"{"model":"gpt","n":1}"#)
        let edits = [
            Splice(range: 1..<1, replacement: #""store":false,"#), Splice(range: 10..<11, replacement: ""),
            Splice(range: 17..<18, replacement: "22"),
            Splice(range: 19..<19, replacement: " "),
        ]
        #expect(String(buffer: spliced(body, edits)) == #"{"store":false,"model":"","n":22} "#)
        #expect(splicedLength(body, edits) == spliced(body, edits).readableBytes)
    }

    @Test("Offsets count from the reader index, and the result can follow a head in one buffer")
    func offsets() {
        var body = ByteBuffer(string: "xx{}")
        body.moveReaderIndex(forwardBy: 2)
        var out = ByteBuffer(string: "head ")
        out.writeSpliced(body, [Splice(range: 1..<1, replacement: "y")])
        #expect(String(buffer: out) == "head {y}")
    }
}
