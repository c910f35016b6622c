"""shape_log.py FILE: LiteLLM's log on stdout, with the fields that a reader of calls goes by, and words, ids and times of our own."""
import json
import sys

KEPT = ["id", "litellm_call_id", "trace_id", "session_id", "call_type", "cache_hit", "stream", "status", "custom_llm_provider",
        "startTime", "endTime", "completionStartTime", "model", "response_cost", "total_tokens", "prompt_tokens",
        "completion_tokens", "end_user", "error_str"]
FIRST = 1_700_000_000.0

ids, began = {}, None
with open(sys.argv[1], encoding="utf-8") as file:
    for line in file:
        found = json.loads(line)
        shaped = {name: found.get(name) for name in KEPT}
        began = began or shaped["startTime"]
        for name in ("startTime", "endTime", "completionStartTime"):
            shaped[name] = round(FIRST + shaped[name] - began, 4)
        for name in ("litellm_call_id", "trace_id"):
            shaped[name] = ids.setdefault(shaped[name], f"call-{len(ids) + 1}")
        if shaped["error_str"]:
            shaped["error_str"] = "failed"
        shaped["metadata"] = {"usage_object": (found.get("metadata") or {}).get("usage_object")}
        print(json.dumps(shaped, separators=(",", ":")))
