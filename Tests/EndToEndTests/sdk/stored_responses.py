"""Responses that a provider keeps: the SDK goes on by their ids, and another tenant cannot."""

import os

import openai
from case import plain, raises, received, same

OTHER = os.environ["WEIR_OTHER_KEY"]


def at_home():
    """What the endpoint that keeps state was asked."""
    return [row for row in received() if row["endpoint"] == "keeper"]


def ask(client, text, **more):
    return client.responses.create(model="kept", input=text, **more)


def last(client, text, **more):
    """Every id in a stream's events, which has to be one, and the response of the last event."""
    events = list(ask(client, text, stream=True, **more))
    told = [event.response for event in events if event.type in ("response.created", "response.completed")]
    same(len({response.id for response in told}), 1, "ids in one stream")
    return told[-1]


def chain(client):
    """Plain, streamed and plain again; the provider bills what was said before, and its own ids stay with it."""
    first = ask(client, "I am called Ada.")
    same(first.previous_response_id, None, "the first one's previous id")
    second = last(client, "What am I called?", previous_response_id=first.id)
    same(second.previous_response_id, first.id, "the second one's previous id")
    third = ask(client, "Are you sure?", previous_response_id=second.id)
    same(third.previous_response_id, second.id, "the third one's previous id")
    assert first.usage.input_tokens < second.usage.input_tokens < third.usage.input_tokens
    named = [row["state"] for row in at_home()[-3:]]
    assert named[0] is None and None not in named[1:], named
    given = {first.id, second.id, third.id}
    assert len(given) == 3 and not given & set(named), (given, named)
    return third


def strangers(client, live):
    """Live ids, changed ids and the provider's own: a stranger is told of each what is told of one that nobody made."""
    owned = at_home()[-1]["state"]
    before = len(received())
    with plain(key=OTHER, max_retries=0) as other:
        said = set()
        for guess in (live.id, live.id + "A", live.id[:-1], live.id.lower(), owned, "resp_made_up"):
            error = raises(openai.NotFoundError, lambda guess=guess: ask(other, "Go on.", previous_response_id=guess))
            same((error.code, error.param), ("weir_state_not_found", "previous_response_id"), guess)
            said.add(error.message)
        same(len(said), 1, "different answers")
        # Nor can anybody read or forget a response through Weir.
        for forbidden in (lambda: client.responses.retrieve(live.id), lambda: client.responses.delete(live.id)):
            same(raises(openai.NotFoundError, forbidden).code, "weir_route_not_governed", "code")
    same(len(received()), before, "requests at the clouds")
    # Its owner still goes on, and nobody else's model does.
    same(ask(client, "Go on.", previous_response_id=live.id).previous_response_id, live.id, "previous id")
    error = raises(
        openai.BadRequestError, lambda: client.responses.create(model="m", input="x", previous_response_id=live.id)
    )
    same(error.code, "weir_state_other_model", "code")


def conversation(client):
    """The only model that keeps conversations need not be named; calls add to it, and a stranger finds nothing."""
    made = client.conversations.create(items=[{"role": "user", "content": "I am called Ada."}], metadata={"topic": "names"})
    same((made.object, made.metadata), ("conversation", {"topic": "names"}), "the conversation")
    named = client.conversations.create(extra_headers={"weir-model": "kept"})
    assert made.id != named.id and not {made.id, named.id} & {row["state"] for row in at_home()}
    first = ask(client, "What am I called?", conversation=made.id)
    second = last(client, "Are you sure?", conversation=made.id)
    same((first.conversation.id, second.conversation.id), (made.id, made.id), "the answers' conversation")
    assert first.usage.input_tokens < second.usage.input_tokens
    with plain(key=OTHER, max_retries=0) as other:
        error = raises(openai.NotFoundError, lambda: ask(other, "Go on.", conversation=made.id))
        same((error.code, error.param), ("weir_state_not_found", "conversation"), "a stranger's error")
    error = raises(openai.BadRequestError, lambda: client.conversations.create(extra_headers={"weir-model": "m"}))
    same(error.code, "weir_unbounded_field", "a model without conversations")


with plain(max_retries=0) as client:
    conversation(client)
    strangers(client, chain(client))
    print("ok")
