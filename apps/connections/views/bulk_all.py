"""An action for all connections that match the filters of the list, done by a job, and the page of the job."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.connections.forms.connections import ListForm
from apps.connections.models import BulkItem, BulkJob, Connection
from apps.connections.services.bulk_jobs import cancel_job, jobs_of, start_job
from apps.connections.services.usage import workflow_count, workflows_of_all
from apps.connections.views.connection_pages import PAGE_SIZE
from apps.errors import NotFound
from apps.teams.decorators import team_required
from apps.teams.requests import TeamRequest

# The connections of one job, and those that the question names.
MOST_AT_ONCE, NAMED = 10_000, 10


def all_matching(
    request: TeamRequest, action: str, *, verb: str | Promise, form: Any = None, is_destructive: bool = False
) -> HttpResponse:
    """The question about all connections that match `filters` (a query string); after the confirmation, the job.

    `form` takes the submitted data and the actor, and has the job's options. `confirmed` is the number of connections
    that was confirmed: if another number matches, the question is asked again.
    """
    matching = _matching(request)
    count = matching.count()
    if not count:
        messages.error(request, gettext("No connection matches the filters any more."))
        return redirect("connections:list")
    is_confirmed = request.POST.get("confirmed") == str(count)
    bound: forms.Form | None = form(request.POST if is_confirmed else None, request.actor) if form else None
    chosen = matching.order_by(Lower("name"), "pk")[:MOST_AT_ONCE]
    if is_confirmed and (bound is None or bound.is_valid()):
        names = dict(chosen.values_list("pk", "name"))
        options = bound.cleaned_data if bound else {}
        job = start_job(actor=request.actor, action=action, connections=list(names), names=names, **options)
        return redirect("connections:bulk_job", job.pk)
    context = {
        "action": {"verb": verb, "is_destructive": is_destructive},
        "kind": action,
        "form": bound,
        "filters": request.POST.get("filters", ""),
        "match_count": count,
        "chosen_count": min(count, MOST_AT_ONCE),
        "has_changed": "confirmed" in request.POST and not is_confirmed,
        "named": chosen.select_related("integration", "owner")[:NAMED],
        "unnamed_count": max(min(count, MOST_AT_ONCE) - NAMED, 0),
        "workflow_count": workflow_count(chosen),
        "workflows": workflows_of_all(chosen, most=NAMED),
    }
    return render(request, "connections/bulk_all.html", context, status=400 if bound and bound.errors else 200)


def _matching(request: TeamRequest) -> QuerySet[Connection]:
    filters = QueryDict(request.POST.get("filters", "")[:2000])
    return ListForm(filters, actor=request.actor, connections=Connection.objects.visible_to(request.actor)).matching()


@require_safe
@never_cache
@team_required
def bulk_job(request: TeamRequest, job_id: UUID) -> HttpResponse:
    """The progress of a job, and the connections that it could not change, or (`show=all`) all; htmx gets a part."""
    job = _job(request, job_id)
    show = "all" if request.GET.get("show") == "all" else "failed"
    failed = Q(state=BulkItem.State.FAILED)
    items = job.items.filter(failed if show == "failed" else ~Q(state=BulkItem.State.PENDING)).order_by("pk")
    page = Paginator(items, PAGE_SIZE).get_page(request.GET.get("page", ""))
    counts = vars(job)  # annotated
    context = {
        "job": job,
        "ended": counts["total"] - counts["pending"],
        "is_running": job.status == BulkJob.Status.RUNNING,
        "show": show,
        "page": page,
        "pages_url": f"?show={show}&page=",
    }
    return render(request, f"connections/{'_bulk_job.html' if request.htmx else 'bulk_job.html'}", context)


@require_POST
@never_cache
@team_required
def cancel_bulk_job(request: TeamRequest, job_id: UUID) -> HttpResponse:
    """Stop a job; what was done stays."""
    cancel_job(actor=request.actor, job=_job(request, job_id))
    return redirect("connections:bulk_job", job_id)


def _job(request: TeamRequest, job_id: UUID) -> BulkJob:
    job = jobs_of(request.actor).filter(pk=job_id).first()
    if job is None:
        raise NotFound(gettext("There is no such job."))
    return job
