import Foundation

let usage = """
    usage: cedar-corpus FOLDER

    Runs every test of the language's public test format in FOLDER and prints how many of the engine's answers agree.

    Exit status: 0 all agree, 1 some do not, 2 the command was not understood or the folder holds no test.
    """

guard CommandLine.arguments.count == 2, !CommandLine.arguments[1].hasPrefix("-") else {
    print(usage)
    exit(2)
}
let report = try CorpusRunner(root: URL(filePath: CommandLine.arguments[1]).standardizedFileURL).run()
for line in report.disagreements { print(line) }
print(report.summary)
exit(report.tests == 0 ? 2 : report.isAgreed ? 0 : 1)
