#!/usr/bin/env python3
"""Computes the signatures that vectors.json holds, with the clouds' own SDKs.

    python3 -m venv v && v/bin/pip install huaweicloudsdkcore==3.1.219 volcenginesdk-core==5.0.54
    v/bin/python Tests/Cases/signatures/make.py > Tests/Cases/signatures/vectors.json

Moments are fixed: Huawei's signer takes `X-Sdk-Date` from the request, Volcengine's reads a clock that is replaced here.
Keys are made up.
"""
import datetime
import json

import volcenginesdkcore.signv4 as signv4
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

ACCESS = "HPUAAAAAAAAAAAAAEXAMPLE"
SECRET = "s3cretKey/With+Signs==0123456789abcdef"


class Credentials:
    ak = ACCESS
    sk = SECRET


def huawei(name, host, path, body, stamp, project):
    fields = {"Content-Type": "application/json", "X-Sdk-Date": stamp, "Host": host}
    if project:
        fields["X-Project-Id"] = project
    request = SdkRequest(
        method="POST", schema="https", host=host, resource_path=path, uri=path, query_params=[], header_params=fields, body=body.encode())
    signed = Signer(Credentials()).sign(request)
    return {"name": name, "host": host, "path": path, "body": body, "stamp": stamp, "project": project,
            "authorization": signed.header_params["Authorization"]}


class Clock(datetime.datetime):
    moment = None

    @classmethod
    def utcnow(cls):
        return cls.moment


def volcengine(name, host, region, body, stamp):
    Clock.moment = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ")
    signv4.datetime.datetime = Clock
    fields = {"Content-Type": "application/json", "Host": host, "Accept": "application/json"}
    query = [("Action", "GetApiKey"), ("Version", "2024-01-01")]
    signv4.SignerV4.sign("/", "POST", fields, body, None, query, ACCESS, SECRET, region, "ark")
    return {"name": name, "host": host, "region": region, "body": body, "stamp": stamp,
            "authorization": fields["Authorization"], "contentHash": fields["X-Content-Sha256"]}


PANGU = "pangu.cn-southwest-2.myhuaweicloud.com"
CHAT = "/v1/0a1b2c3d4e5f/deployments/7f9c-1/chat/completions"
vectors = {
    "about": "huaweicloudsdkcore 3.1.219 (Signer) and volcenginesdk-core 5.0.54 (SignerV4); see make.py",
    "access": ACCESS,
    "secret": SECRET,
    "huawei": [
        huawei("chat", PANGU, CHAT, '{"messages":[{"role":"user","content":"hello"}]}', "20261123T134949Z", "0a1b2c3d4e5f"),
        huawei("without a project", PANGU, CHAT, '{"messages":[]}', "20261123T000000Z", None),
        huawei("port", "127.0.0.1:18105", CHAT, "{}", "20240229T235959Z", "p"),
        huawei("other letters", PANGU, CHAT, '{"messages":[{"role":"user","content":"你好 é \\u0000"}]}', "20261123T134949Z", "p"),
        huawei("an escaped path", PANGU, "/v1/p/deployments/a%20b~c/chat/completions", "{}", "20261123T134949Z", "p"),
        huawei("an empty body", PANGU, CHAT, "", "20261123T134949Z", "p"),
        huawei("a long body", PANGU, CHAT, "x" * 5000, "20261123T134949Z", "p"),
    ],
    "volcengine": [
        volcengine("a week", "ark.cn-beijing.volcengineapi.com", "cn-beijing",
                   json.dumps({"DurationSeconds": 604800, "ResourceIds": ["ep-1"], "ResourceType": "endpoint"}), "20261123T134949Z"),
        volcengine("a day", "ark.cn-beijing.volcengineapi.com", "cn-beijing",
                   json.dumps({"DurationSeconds": 86400, "ResourceIds": ["ep-20261123-abc"], "ResourceType": "endpoint"}), "20240229T235959Z"),
        volcengine("another region", "127.0.0.1:18106", "ap-southeast-1",
                   json.dumps({"DurationSeconds": 3600, "ResourceIds": ["bot-1"], "ResourceType": "bot"}), "20270101T000000Z"),
    ],
}
print(json.dumps(vectors, indent=1, ensure_ascii=False))
