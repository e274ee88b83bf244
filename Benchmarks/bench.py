"""Weir beside bare nginx, in one run on one machine: CPU a request and a streamed event, added latency, memory.

Prints a table, writes .build/bench.json, and every round to .build/bench-rounds.json. Run it with `make bench`.
"""

import argparse
import atexit
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent / ".build"
# Removed when the run is over and not before it: ext4 without a journal passes over every inode that was freed within the last minutes
# whenever a file is made, which would be measured too.
FOLDERS = BUILD / "bench"
FOLDER = FOLDERS / str(os.getpid())

CONNECTIONS = 32
LIMIT_DOLLARS = "9000000"
POLICIES = 100
STREAMS = 200
EVENT_MICROS = 50_000
SLOW_MICROS = 20_000
# The streams of many callers who read along, and the time from event to event of each.
CROWD = 2_000
CROWD_MICROS = 200_000
# A ratio whose rounds differ by more than this says little, and the table says so.
SPREAD_MAX = 0.25
READY_SECONDS = 30

ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "bench",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Good day."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 40, "completion_tokens": 3, "total_tokens": 43},
}
# The call is 250 bytes long.
CALL_BYTES = 250
BARS = {"request": 2.3, "single": 3.2, "event": 1.5, "p50Millis": 0.2, "p99Millis": 1.0, "memory": 60, "growth": 2,
        "late": 5, "crowdMemory": 250}


class Plan:
    """How long each part takes."""

    def __init__(self, quick):
        self.rounds = 3 if quick else 7
        self.request_seconds = 3 if quick else 6
        self.single_seconds = 2 if quick else 4
        self.event_rounds = 3 if quick else 5
        self.events = 60 if quick else 160
        self.crowd_rounds = 1 if quick else 3
        self.crowd_events = 50
        self.slow_rounds = 3 if quick else 7
        self.slow_calls = 5_000 if quick else 6_400
        self.syncs = 500 if quick else 1_000
        self.memory_calls = [200_000] if quick else [200_000, 1_000_000]


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def fail(text):
    say(text)
    sys.exit(1)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def die_with_us():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Process:
    """A server that this run started, in a log of its own; ends with the run."""

    running = []

    def __init__(self, name, command, port):
        self.name, self.port = name, port
        self.log = FOLDER / f"{name}.log"
        with open(self.log, "w") as log:
            self.child = subprocess.Popen(
                [str(part) for part in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL, preexec_fn=die_with_us)
        Process.running.append(self)
        until = time.monotonic() + READY_SECONDS
        while True:
            if self.child.poll() is not None:
                fail(f"{name} ended: {self.log.read_text()[-800:]}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if time.monotonic() > until:
                    fail(f"{name} does not listen on {port}: {self.log.read_text()[-800:]}")
                time.sleep(0.02)

    def measured(self):
        """The process whose CPU counts: nginx's work is its worker's."""
        children = pathlib.Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text().split()
        return int(children[0]) if children else self.child.pid

    def cpu_nanos(self):
        total = 0
        for task in pathlib.Path(f"/proc/{self.measured()}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except OSError:
                pass  # the thread has ended
        return total

    def resident_megabytes(self):
        for line in pathlib.Path(f"/proc/{self.measured()}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / 1e6
        fail(f"{self.name} has no memory")

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(40)
            except subprocess.TimeoutExpired:
                say(f"{self.name} did not end and is killed")
                self.child.kill()
                self.child.wait()
        if self in Process.running:
            Process.running.remove(self)


def stop_all():
    for process in list(Process.running):
        process.stop()


def write(name, text):
    path = FOLDER / name
    path.write_text(text)
    return path


def filled(template, name, **values):
    text = (HERE / template).read_text()
    for key, value in {"FOLDER": FOLDER, "NAME": name, **values}.items():
        text = text.replace(f"@{key}@", str(value))
    return write(f"{name}{'.yaml' if 'yaml' in template else '.conf'}", text)


COUNTRIES = ["SE", "NO", "DE", "FR", "CN", "HK", "SG", "JP", "US", "BR", "IN"]


def policies(count):
    """One permit and forbids of a company with many rules: of classes, people's countries, purposes and endpoints' labels."""
    conditions = [
        [f"context.dataClass in DataClass::\"{word}\"", f"context.subjects.contains(\"{country}\")", place]
        for country in COUNTRIES
        for word, place in (
            ("personal", f"!([\"SE\", \"{country}\"].containsAll(resource.processedIn))"),
            ("sensitive", f"!([\"{country}\"].containsAll(resource.storedIn))"),
            ("internal", f"resource.operatorCountry == \"RU\" || resource.retentionDays > {30 + len(country)}"),
        )
    ] + [
        [f"context.purposes.contains(\"{purpose}\")", f"resource.processedIn.contains(\"{country}\")", more]
        for country in COUNTRIES[1:]
        for purpose, more in (
            ("support", "context.categories.contains(\"health\")"), ("billing", "context.categories.contains(\"financial\")"),
            ("research", "context.dataClass in DataClass::\"personal\""), ("training", "resource.trains != \"never\""),
            ("support", "context.exportTags.contains(\"ECCN 4E091\")"),
            ("billing", "context.model.developerCountry == \"CN\""), ("advice", "resource.review != \"none\""),
        )
    ]
    if count - 1 > len(conditions):
        fail(f"there are {len(conditions) + 1} different policies at most")
    text = "@id(\"lists\") permit (principal, action, resource);\n"
    for number, parts in enumerate(conditions[: count - 1]):
        text += f"@id(\"rule-{number}\") forbid (principal, action, resource)\n"
        text += "".join(f"when {{ {part} }}\n" for part in parts) + ";\n"
    return text


def nginx(name, template, port, **values):
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    config = filled(template, name, PORT=port, **values)
    return Process(name, [program, "-e", "stderr", "-p", FOLDER, "-c", config], port)


class Subject:
    """What stands between client and upstream in a measurement: Weir, or nginx."""

    def __init__(self, name, upstream_port, weir):
        self.name = name
        port, admin = free_ports(2)
        if weir is None:
            self.process = nginx(name, "proxy.conf.in", port, UPSTREAM=upstream_port)
            self.key = "none"
        else:
            write(f"{name}.cedar", policies(POLICIES))
            config = filled("weir.yaml.in", name, PORT=port, ADMIN=admin, UPSTREAM=upstream_port)
            self.process = Process(name, [weir, "serve", config], port)
            self.wait_ready(admin)
            made = subprocess.run(
                [weir, "keys", "create", "--config", config, "--tenant", "bench", "--team", "bench", "--name", "bench",
                 "--limit", LIMIT_DOLLARS, "--limit", f"day {LIMIT_DOLLARS}",
                 "--concurrency", "100000"], capture_output=True, text=True)
            if made.returncode != 0:
                fail(f"no key: {made.stderr[-800:]}")
            self.key = made.stdout.strip().splitlines()[-1]
        self.port = port
        self.check()

    def wait_ready(self, admin):
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            try:
                if urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=1).status == 200:
                    return
            except OSError:
                time.sleep(0.05)
        fail(f"{self.name} is not ready: {self.process.log.read_text()[-800:]}")

    def check(self):
        """One call whose answer is looked at, so that nothing else is measured."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/v1/chat/completions", call_body(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"})
        try:
            answer = json.load(urllib.request.urlopen(request, timeout=10))
        except urllib.error.HTTPError as error:
            fail(f"{self.name} answers {error.code}: {error.read()[:800]}")
        if answer["choices"] != ANSWER["choices"] or answer["usage"] != ANSWER["usage"]:
            fail(f"{self.name} does not pass on the answer: {answer}")

    def request_file(self, body):
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n")
        path = FOLDER / f"{self.name}.request"
        path.write_bytes(head.encode() + body)
        path.chmod(0o600)
        return path

    def stop(self):
        self.process.stop()


def call_body(stream=False):
    call = {"model": "bench", "messages": [{"role": "user", "content": ""}], "max_tokens": 64}
    if stream:
        call |= {"stream": True, "stream_options": {"include_usage": True}}
    # Compact, as `"stream":true` is what the upstream looks for.
    empty = len(json.dumps(call, separators=(",", ":")))
    call["messages"][0]["content"] = ("Good day to you. " * 20)[: max(1, CALL_BYTES - empty)]
    return json.dumps(call, separators=(",", ":")).encode()


def last_json(command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, preexec_fn=die_with_us, **more)
    if done.returncode != 0:
        fail(f"{' '.join(map(str, command[:2]))} failed: {done.stderr[-800:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def wrk(subject, connections, seconds):
    cpu = subject.process.cpu_nanos()
    environment = dict(os.environ, WEIR_BENCH_KEY=subject.key, WEIR_BENCH_REQUEST_BODY=str(FOLDER / "call.json"))
    result = last_json(
        ["wrk", "-t", 1, "-c", connections, "-d", seconds, "--timeout", 10, "-s", HERE / "wrk.lua",
         f"http://127.0.0.1:{subject.port}/v1/chat/completions"], env=environment)
    cpu = subject.process.cpu_nanos() - cpu
    if result["errors"] or not result["requests"]:
        fail(f"{subject.name}: {result['errors']} of {result['requests']} calls failed")
    return {
        "requests": result["requests"], "cpuMicros": cpu / 1e3 / result["requests"],
        "rps": result["requests"] / result["micros"] * 1e6, "p50Millis": result["p50Micros"] / 1e3,
        "p99Millis": result["p99Micros"] / 1e3,
    }


def streamed(subject, plan):
    path = subject.request_file(call_body(stream=True))
    cpu = subject.process.cpu_nanos()
    result = last_json([PEER, "streams", subject.port, STREAMS, path])
    cpu = subject.process.cpu_nanos() - cpu
    # The last read of a stream has three events: its finish, its usage and its end.
    expected = STREAMS * (plan.events + 2)
    if result["events"] != expected:
        fail(f"{subject.name}: {result['events']} events came of {expected}")
    return {"cpuMicros": cpu / 1e3 / result["events"], **result}


def timed(subject, plan):
    return last_json([PEER, "calls", subject.port, CONNECTIONS, plan.slow_calls, subject.request_file(call_body())])


def interleaved(rounds, subjects, measure):
    """Each round measures all subjects, in alternating order."""
    results = {subject.name: [] for subject in subjects}
    for number in range(rounds):
        for subject in subjects if number % 2 == 0 else subjects[::-1]:
            results[subject.name].append(measure(subject))
    return results


def median(rows, field):
    return statistics.median(row[field] for row in rows)


def ratio(results, field="cpuMicros"):
    """The median of the rounds' ratios, and how far they lie apart as a share of it."""
    ratios = [ours[field] / floor[field] for ours, floor in zip(results["weir"], results["nginx"])]
    middle = statistics.median(ratios)
    return middle, (max(ratios) - min(ratios)) / middle


def pair(upstream_port, weir):
    return [Subject("nginx", upstream_port, None), Subject("weir", upstream_port, weir)]


def measure_requests(weir, plan):
    [port] = free_ports(1)
    upstream = nginx("upstream", "upstream.conf.in", port, ANSWER=json.dumps(ANSWER, separators=(",", ":")))
    subjects = pair(port, weir)
    for subject in subjects:
        wrk(subject, CONNECTIONS, 1)
    say(f"{CONNECTIONS} connections, {plan.rounds} rounds")
    many = interleaved(plan.rounds, subjects, lambda subject: wrk(subject, CONNECTIONS, plan.request_seconds))
    say(f"1 connection, {plan.rounds} rounds")
    single = interleaved(plan.rounds, subjects, lambda subject: wrk(subject, 1, plan.single_seconds))
    for process in subjects + [upstream]:
        process.stop()
    return many, single


def measure_events(weir, plan):
    [port] = free_ports(1)
    upstream = Process("events", [PEER, "serve", port, EVENT_MICROS, plan.events], port)
    subjects = pair(port, weir)
    say(f"{STREAMS} streams, {plan.event_rounds} rounds")
    results = interleaved(plan.event_rounds, subjects, lambda subject: streamed(subject, plan))
    for process in subjects + [upstream]:
        process.stop()
    return results


def measure_crowd(weir, plan):
    """Many slow streams at once: how much later than its source's period each event comes, and how much memory they take."""
    [port] = free_ports(1)
    upstream = Process("crowd", [PEER, "serve", port, CROWD_MICROS, plan.crowd_events], port)
    subjects = pair(port, weir)
    say(f"{CROWD} streams at {1_000_000 // CROWD_MICROS} events a second, {plan.crowd_rounds} rounds")

    def measure(subject):
        path = subject.request_file(call_body(stream=True))
        result = last_json([PEER, "streams", subject.port, CROWD, path, CROWD_MICROS])
        expected = CROWD * (plan.crowd_events + 2)
        if result["events"] != expected:
            fail(f"{subject.name}: {result['events']} events came of {expected}")
        return {"megabytes": subject.process.resident_megabytes(), **result}

    results = interleaved(plan.crowd_rounds, subjects, measure)
    for process in subjects + [upstream]:
        process.stop()
    return results


def measure_latency(weir, plan):
    [port] = free_ports(1)
    upstream = Process("slow", [PEER, "serve", port, SLOW_MICROS, 1], port)
    subjects = pair(port, weir)
    say(f"an upstream that takes 20 ms, {plan.slow_rounds} rounds")
    syncs = []

    def measure(subject):
        if subject.name == "weir":
            syncs.append(last_json([PEER, "sync", FOLDER, plan.syncs]))
        return timed(subject, plan)

    results = interleaved(plan.slow_rounds, subjects, measure)
    for process in subjects + [upstream]:
        process.stop()
    return results, syncs


def measure_memory(weir, plan):
    [port] = free_ports(1)
    upstream = nginx("upstream", "upstream.conf.in", port, ANSWER=json.dumps(ANSWER, separators=(",", ":")))
    subject = Subject("weir", port, weir)
    calls, sizes = 0, []
    say(f"memory after {' and '.join(f'{calls:,}' for calls in plan.memory_calls)} calls")
    rate = 5_000
    for wanted in plan.memory_calls:
        while calls < wanted:
            slice = wrk(subject, CONNECTIONS, max(1, min(10, round((wanted - calls) / rate))))
            calls += slice["requests"]
            rate = slice["rps"]
        sizes.append(subject.process.resident_megabytes())
    for process in [subject, upstream]:
        process.stop()
    return sizes + [None] * (2 - len(sizes))


def table(result, plan, stand_in):
    request, added, memory = result["request"], result["added"], result["memoryMegabytes"]
    lines = [("", "nginx", "nginx" if stand_in else "weir", "ratio", "bar")]
    lines.append(("CPU µs a request, 32 connections", f"{request['nginx']['cpuMicros']:.1f}",
                  f"{request['weir']['cpuMicros']:.1f}", f"{request['cpuRatio']:.2f}", f"≤ {BARS['request']}"))
    for field, name in (("rps", "requests a second"), ("p50Millis", "p50 ms"), ("p99Millis", "p99 ms")):
        digits = 0 if field == "rps" else 2
        lines.append((f"  {name}", f"{request['nginx'][field]:.{digits}f}", f"{request['weir'][field]:.{digits}f}", "", ""))
    lines.append(("CPU a request, 1 connection", "", "", f"{result['single']['cpuRatio']:.2f}", f"≤ {BARS['single']}"))
    event = result["event"]
    lines.append(("CPU µs a streamed event", f"{event['nginx']['cpuMicros']:.1f}", f"{event['weir']['cpuMicros']:.1f}",
                  f"{event['cpuRatio']:.2f}", f"≤ {BARS['event']}"))
    crowd, late = result["crowd"], result["crowd"]["lateP99Millis"]
    lines.append((f"ms an event is late, p99 of {CROWD:,} streams", f"{late['nginx']:.2f}", f"{late['weir']:.2f}", "",
                  f"≤ +{BARS['late']}"))
    lines.append(("  MB with them", "", f"{crowd['memoryMegabytes']:.1f}", "", f"≤ {BARS['crowdMemory']}"))
    for field in ("p50Millis", "p99Millis"):
        lines.append((f"ms added at 20 ms, {field[:3]}", "", f"{added[field]:+.2f}", "", f"≤ {BARS[field]}"))
    lines.append(("  disk sync p99 ms", "", f"{added['syncP99Millis']:.2f}", "", ""))
    if memory["after200k"] is not None:
        lines.append(("MB after 200,000 calls", "", f"{memory['after200k']:.1f}", "", f"≤ {BARS['memory']}"))
    if memory["after1M"] is not None:
        growth = memory["after1M"] - memory["after200k"]
        lines.append(("MB after 1,000,000 calls", "", f"{memory['after1M']:.1f}", f"{growth:+.1f} MB", f"≤ +{BARS['growth']}"))
    width = max(len(line[0]) for line in lines)
    for line in lines:
        print(f"{line[0]:<{width}}  " + "  ".join(f"{cell:>9}" for cell in line[1:]).rstrip())


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--weir", type=pathlib.Path, help="the weir program")
    options.add_argument("--quick", action="store_true", help="about two minutes; no memory after a million calls")
    options.add_argument(
        "--stand-in", action="store_true", help="nginx in Weir's place too: every ratio should be 1, and shows the noise")
    given = options.parse_args()
    if not given.stand_in and (given.weir is None or not given.weir.exists()):
        fail("there is no weir program; build it, or try --stand-in")
    plan = Plan(given.quick)
    weir = None if given.stand_in else given.weir.resolve()

    (FOLDER / "temporary").mkdir(parents=True)
    atexit.register(shutil.rmtree, FOLDERS, ignore_errors=True)
    atexit.register(stop_all)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    compiler = shutil.which("cc") or shutil.which("clang") or fail("there is no C compiler")
    subprocess.run([compiler, "-O2", "-o", PEER, HERE / "peer.c"], check=True)
    write("call.json", call_body().decode())

    many, single = measure_requests(weir, plan)
    events = measure_events(weir, plan)
    crowd = measure_crowd(weir, plan)
    slow, syncs = measure_latency(weir, plan)
    sizes = [None, None] if given.stand_in else measure_memory(weir, plan)

    request_ratio, spread = ratio(many)
    spreads = {"request": spread, "single": ratio(single)[1], "event": ratio(events)[1]}
    fields = ("cpuMicros", "rps", "p50Millis", "p99Millis")
    differences = {
        field: statistics.median(
            (ours[field] - floor[field]) / 1e3 for ours, floor in zip(slow["weir"], slow["nginx"]))
        for field in ("p50Micros", "p99Micros")
    }
    result = {
        "request": {
            **{name: {field: median(many[name], field) for field in fields} for name in ("weir", "nginx")},
            "cpuRatio": request_ratio, "spread": spread,
        },
        "single": {"cpuRatio": ratio(single)[0]},
        "event": {
            **{name: {"cpuMicros": median(events[name], "cpuMicros")} for name in ("weir", "nginx")},
            "cpuRatio": ratio(events)[0],
        },
        "added": {
            "p50Millis": differences["p50Micros"], "p99Millis": differences["p99Micros"],
            "syncP99Millis": median(syncs, "p99Micros") / 1e3,
        },
        "crowd": {
            "lateP99Millis": {name: median(crowd[name], "lateP99Micros") / 1e3 for name in ("weir", "nginx")},
            "memoryMegabytes": median(crowd["weir"], "megabytes"),
        },
        "memoryMegabytes": {"after200k": sizes[0], "after1M": sizes[1]},
    }
    rounds = {"request": many, "single": single, "event": events, "crowd": crowd, "slow": slow, "sync": syncs, "spreads": spreads}
    (BUILD / "bench-rounds.json").write_text(json.dumps(rounds, indent=1) + "\n")
    (BUILD / "bench.json").write_text(json.dumps(result, indent=1) + "\n")
    table(result, plan, given.stand_in)
    for name, apart in spreads.items():
        warning = "" if apart <= SPREAD_MAX else f" That is over {SPREAD_MAX:.0%}: the machine was busy, run it again."
        print(f"The rounds of {name} lie {apart:.0%} apart.{warning}")


PEER = FOLDER / "peer"

if __name__ == "__main__":
    main()
