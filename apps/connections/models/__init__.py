"""The models of connections: their tokens, authorization, sharing and use."""

from apps.connections.models.authorization import AuthorizationAttempt, ConnectSession
from apps.connections.models.bulk import BulkItem, BulkJob
from apps.connections.models.connection import Connection, Credential, Status
from apps.connections.models.heartbeat import SchedulerHeartbeat
from apps.connections.models.queue_history import QueueHour
from apps.connections.models.sharing import ConnectionShare, Level, RepairRequest
from apps.connections.models.token_set import TokenSet
from apps.connections.models.trace import FirstRefresh, TraceEntry
from apps.connections.models.usage import DailyUse, ScopeUse, WorkflowCaller, WorkflowUse

__all__ = [
    "AuthorizationAttempt",
    "BulkItem",
    "BulkJob",
    "ConnectSession",
    "Connection",
    "ConnectionShare",
    "Credential",
    "DailyUse",
    "FirstRefresh",
    "Level",
    "QueueHour",
    "RepairRequest",
    "SchedulerHeartbeat",
    "ScopeUse",
    "Status",
    "TokenSet",
    "TraceEntry",
    "WorkflowCaller",
    "WorkflowUse",
]
