"""The mutations: each breaks one promise of docs/promises.md."""

from mutation import Mutation as M  # noqa: N817 - it stands forty times in a table

_DECISION = "contract/ecg_callbacks/decision.py"
_SCHEDULE = "contract/ecg_callbacks/schedule.py"
_OUTCOME = "contract/ecg_contract/attempt_outcome.py"
_END = "operator/ecg_operator/decide/attempt_end.py"
_RECONCILE = "operator/ecg_operator/decide/reconcile.py"
_ADDRESSES = "contract/ecg_common/addresses.py"
_GUARD = "contract/ecg_common/netguard.py"
_REDACT = "contract/ecg_common/redact.py"
_RESULT = "contract/ecg_contract/wire/result.py"
_SUBMIT = "api/ecg_api/jobs/submit.py"
_STORE = "api/ecg_api/standalone/storage/store.py"
_SENDER = "contract/ecg_callbacks/sender.py"
_STORED = "contract/ecg_callbacks/stored_result.py"
_JSON = "contract/ecg_common/json_object.py"
_QUEUE = "operator/ecg_operator/observe/job_queue.py"
_QUEUEING = "operator/ecg_operator/decide/queueing.py"
_REASON = "operator/ecg_operator/decide/pending_reason.py"
_SNAPSHOT = "operator/ecg_operator/observe/snapshot.py"
_TABLE = "api/ecg_api/standalone/storage/job_table.py"
_DELIVERY = "contract/ecg_callbacks/delivery.py"
_ERRORS = "contract/ecg_cluster/errors.py"
_LIBRARIES = "job_image/ecg_pipeline/engines/libraries.py"
_OF_DECISION = "tests/callbacks/test_decision.py"
_OF_MACHINE = "tests/callbacks/test_decision.py tests/callbacks/test_deliverer.py"
_OF_OUTCOME = "tests/contract/test_attempt_outcome.py"
_OF_RECONCILE = "tests/operator/test_reconcile_outcomes.py tests/operator/test_reconcile_lifecycle.py"
_OF_GUARD = "tests/common/test_netguard.py"
_OF_STORE = "tests/standalone/test_store_contract_sqlite.py tests/standalone/test_sqlite_store.py"
_OF_JSON = "tests/common/test_json_object.py"
_OF_QUEUE = "tests/operator/test_job_queue.py"
_OF_HOURS = "tests/operator/test_queue_over_hours.py"
_OF_SNAPSHOT = "tests/operator/test_snapshot.py"
_OF_STANDBY = "tests/operator/test_standby.py"
_OF_PINS = "tests/pipeline/test_model_revisions.py"
_OF_NUMBERS = "tests/contract/test_wire_result.py tests/callbacks/test_callback_sender.py"
_WATCHES = "operator/ecg_operator/observe/watches.py"
_LEASE = "operator/ecg_operator/runtime/lease.py"
_OF_LEASE = "tests/operator/test_lease.py"
_OF_SLOTS = "tests/standalone/test_fetch_slots.py"
_OF_RECOVERY = "tests/standalone/test_recovery.py"
_OF_SENDER = "tests/callbacks/test_callback_sender.py"

MUTATIONS = (
    M(1, _SUBMIT, "raise busy(503, ", "raise busy(500, ", "tests/api/test_videos.py tests/api/test_bad_requests.py"),
    M(2, _OUTCOME, "interruptions: int = 5", "interruptions: int = 4", _OF_OUTCOME),
    M(
        2,
        _END,
        "return AttemptEnd(Cause.INTERRUPTED) if attempt.job_uid or observed.standby_lost else None",
        "return None",
        _OF_RECONCILE,
    ),
    M(2, _END, ">= deadline(observed", "<= deadline(observed", _OF_RECONCILE),
    M(
        3,
        _DECISION,
        " or record.terminal is not None:\n        return Nothing()",
        ":\n        return Nothing()",
        _OF_MACHINE,
    ),
    M(
        3,
        _DECISION,
        "return (due.run, due.redelivery) != (record.run, record.redelivery) or record.terminal is not None",
        "return False",
        _OF_MACHINE,
    ),
    M(3, _RECONCILE, "if not has_reported_result(status) and (plan", "if (plan", _OF_RECONCILE),
    M(4, _DECISION, "if stage.progress > record.settled]", "if stage.progress >= record.settled]", _OF_MACHINE),
    M(4, _DECISION, "parts: list[object] = [uid, run, status,", "parts: list[object] = [run, status,", _OF_MACHINE),
    M(4, _DECISION, 'update={"terminal": end, "in_hand": None,', 'update={"in_hand": None,', _OF_MACHINE),
    M(4, _DECISION, "if due.is_terminal else _below(due.progress))", "if due.is_terminal else 0)", _OF_MACHINE),
    M(5, _SCHEDULE, "timedelta(hours=72)", "timedelta(hours=24)", _OF_DECISION),
    M(5, _SCHEDULE, "_JITTER = 0.2", "_JITTER = 0.0", _OF_DECISION),
    M(5, _SENDER, "async with asyncio.timeout(self._total_s):", "if True:", _OF_SENDER),
    M(6, "contract/ecg_callbacks/types.py", "in (410, 413)", "in (410, 413, 503)", _OF_DECISION),
    M(7, _STORE, "if job.body_key != submission.body_key:", "if False:", _OF_STORE),
    M(7, "api/ecg_api/jobs/sources.py", 'signing.append(r"x-(amz|goog)-.*")', "pass", "tests/api/test_sources.py"),
    M(8, _OUTCOME, "return Fail(end.error or PipelineError", "return Fail(PipelineError", _OF_OUTCOME),
    M(8, _OUTCOME, '_once_more(counts, "out_of_memory"', '_once_more(counts, "unexpected"', _OF_OUTCOME),
    M(9, _END, "if observed.silence >= seconds(", "if observed.silence >= 1000 * seconds(", _OF_RECONCILE),
    M(
        9,
        "operator/ecg_operator/observe/videojobs.py",
        "seen_at = old.life_seen_at if old is not None and same else self._monotonic()",
        "seen_at = self._monotonic()",
        "tests/operator/test_cache.py",
    ),
    M(9, _END, "AttemptEnd(Cause.INTERRUPTED) if attempt.pod_uid else None", "None", _OF_RECONCILE),
    M(
        10,
        "operator/ecg_operator/runtime/health.py",
        "self._stalled_runs += 1",
        "self._stalled_runs += 0",
        "tests/operator/test_health.py",
    ),
    M(10, "operator/ecg_operator/runtime/health.py", "> _STUCK_S:", "> 1e9:", "tests/operator/test_health.py"),
    M(
        10,
        "operator/ecg_operator/operator.py",
        "            ended.result()",
        "            stop.set()",
        "tests/operator/test_run.py",
    ),
    M(11, _RESULT, "if math.isfinite(number) else 0.0", "", _OF_NUMBERS),
    M(
        11,
        _RESULT,
        "return first, min(max(_finite(end), first), duration)",
        "return first, _finite(end)",
        "tests/contract/test_wire_result.py",
    ),
    M(11, "contract/ecg_callbacks/body.py", "model_dump_json(exclude_none=True)", "model_dump_json()", _OF_SENDER),
    M(12, "contract/ecg_common/verified.py", "if seen > size:", "if seen > 1_000_000:", _OF_SENDER),
    M(
        13,
        _REDACT,
        "{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
        "{parts.scheme}://{parts.netloc}",
        "tests/common/test_redact.py",
    ),
    M(
        13,
        _REDACT,
        'return _QUERY.sub("", _USERINFO.sub("//", redacted))',
        "return redacted",
        "tests/common/test_redact.py",
    ),
    M(14, _ADDRESSES, '"a loopback address": address.is_loopback,', "", _OF_GUARD),
    M(14, _ADDRESSES, "return address.ipv4_mapped or address.sixtofour or teredo_client", "return None", _OF_GUARD),
    M(14, _GUARD, "request.url.copy_with(host=address)", "request.url", _OF_GUARD),
    M(14, _SENDER, "follow_redirects=False", "follow_redirects=True", _OF_SENDER),
    M(
        14,
        "job_image/ecg_pipeline/media/sniff.py",
        'b"ffconcat": "a list of files, not media",',
        "",
        "tests/pipeline/test_decode_refused.py",
    ),
    M(17, _STORE, "if job.state is not JobState.COMPLETED:", "if True:", _OF_STORE),
    M(
        18,
        "operator/ecg_operator/decide/current_attempt.py",
        "if pod is None or pod.node is None or not pod.is_live:",
        "if pod is None:",
        _OF_RECONCILE,
    ),
    M(18, _STORE, "table.count_in(JobState.QUEUED) >= self._queue_limit", "False", _OF_STORE),
    M(21, _SENDER, "if isinstance(error, kind)), ", "if error is None), str(error) or ", _OF_SENDER),
    M(19, "contract/ecg_callbacks/signature.py", "{webhook_id}.{self._timestamp}.", "{self._timestamp}.", _OF_SENDER),
    M(13, "contract/ecg_common/logs.py", '"httpx", "httpcore", ', "", "tests/common/test_logs.py"),
    M(15, _STORED, "check.close()", "pass", _OF_SENDER),
    M(15, _JSON, "if found != sorted(self._marks.values()):", "if not found:", _OF_JSON),
    M(15, _JSON, "if not _TOP.fullmatch(self._open):", "if not _TOP.match(self._open):", _OF_JSON),
    M(18, _QUEUE, "return None if ahead < self._free(", "return None if ahead <= self._free(", _OF_QUEUE),
    M(18, _QUEUE, "bisect.bisect_left(self._waiting, turn) - sum", "0 * sum", _OF_QUEUE),
    M(18, _REASON, 'return "exceeded quota" in message', "return False", _OF_RECONCILE),
    M(
        18,
        _QUEUEING,
        "return since + seconds(limit) if limit else None",
        "return since + seconds(limit or 1800)",
        _OF_HOURS,
    ),
    M(18, _TABLE, 'DESC, priority DESC, seq"', 'DESC, seq"', _OF_STORE),
    M(19, _DELIVERY, "or not self._may_send():", "or False:", _OF_MACHINE),
    M(19, "contract/ecg_callbacks/target.py", "if allowed.has_host(host, port):", "if host:", _OF_SENDER),
    M(15, "operator/ecg_operator/observe/standby.py", "if job in self._being_taken:", "if False:", _OF_STANDBY),
    M(
        20,
        _LIBRARIES,
        "repository_of(name, contents, self._settings.model_revisions)",
        "repository_of(name, contents, {})",
        _OF_PINS,
    ),
    M(
        21,
        _SNAPSHOT,
        'redact_text(str(waiting.get("message") or ""))',
        'str(waiting.get("message") or "")',
        _OF_SNAPSHOT,
    ),
    M(21, _ERRORS, "message = redact_text(message)", "pass", "tests/cluster/test_watch_faults.py"),
    M(
        12,
        "contract/ecg_contract/base_model.py",
        "cut_to(140), Field(max_length=140)",
        "cut_to(4000), Field(max_length=4000)",
        "tests/cluster/test_videojob_size.py",
    ),
    M(
        16,
        _WATCHES,
        "kopf.on.login(registry=handlers)(_login)",
        "[on(registry=handlers)(_login) for on in (kopf.on.login, partial(kopf.on.delete, GROUP, VERSION, PLURAL))]",
        "tests/cluster/test_operator.py",
    ),
    M(2, "operator/ecg_operator/main.py", "        acquiring.result()\n", "        pass\n", _OF_LEASE),
    M(19, _LEASE, "async with asyncio.timeout(max(self._left(), 0)):", "async with asyncio.timeout(None):", _OF_LEASE),
    M(19, _LEASE, "_MARGIN * self._duration_s", "0", _OF_LEASE),
    M(2, "api/ecg_api/standalone/runner.py", "if job.in_analysis:", "if True:", _OF_SLOTS),
    M(18, "api/ecg_api/standalone/fetched_jobs.py", ", -job.priority, ", ", 0, ", _OF_SLOTS),
    M(1, "api/ecg_api/standalone/storage/job_table.py", "NOT ({_UPLOADED})", "NOT is_transcription", _OF_STORE),
    M(18, "api/ecg_api/standalone/storage/run_queue.py", "job_record.fetched(job, now)", "job", _OF_STORE),
    M(3, "api/ecg_api/standalone/host.py", "ChildStarter(held=(lock,))", "ChildStarter()", _OF_RECOVERY),
)
