"""The pages of a team's own APIs: the list, a new one (made or read from a document), and its tabs."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from apps.errors import SpecwayError
from apps.integrations.custom_apis.forms import AuthenticationForm, CustomApiForm, ImportForm, filled_by, with_found
from apps.integrations.custom_apis.openapi import LARGEST
from apps.integrations.custom_apis.schema import authentication_from
from apps.integrations.custom_apis.services.apis import (
    change_custom_api,
    create_custom_api,
    delete_custom_api,
    save_authentication,
    use_common_callback,
)
from apps.integrations.custom_apis.services.discovery import discovered
from apps.integrations.custom_apis.services.document_import import fetch_description, import_custom_api
from apps.integrations.custom_apis.services.queries import (
    connections_at_stake,
    custom_api_named,
    custom_apis,
    missing_of,
    oauth_client_of,
    operations_of,
    waiting_connections,
)
from apps.integrations.errors import IntegrationInUse, InvalidInput
from apps.integrations.models import CustomApi
from apps.integrations.redirect_uri import redirect_uri
from apps.teams import permissions
from apps.teams.decorators import team_required
from apps.teams.permissions import Action
from apps.teams.requests import TeamRequest

get_or_post = require_http_methods(["GET", "HEAD", "POST"])
PAGE = 100


@require_safe
@team_required
def listing(request: TeamRequest) -> HttpResponse:
    """The team's own APIs, drafts included."""
    rows = [{"api": api, "missing": missing_of(api)} for api in custom_apis(request.actor)]
    return render(request, "integrations/custom/list.html", {"rows": rows, "keeps": _keeps(request)})


@get_or_post
@never_cache
@team_required
def new(request: TeamRequest) -> HttpResponse:
    """Make one, or read one from a document. Raises NotAllowed."""
    permissions.require(request.actor, Action.MANAGE_CUSTOM_APIS)
    is_import = request.POST.get("how") == "import"
    posted = request.method == "POST"
    made = CustomApiForm(request.POST if posted and not is_import else None, prefix="new")
    read = ImportForm(request.POST if is_import else None, request.FILES if is_import else None, prefix="import")
    form = read if is_import else made
    if posted and form.is_valid():
        try:
            api = _imported(request, read) if is_import else create_custom_api(actor=request.actor, **made.cleaned_data)
        except InvalidInput as wrong:
            form.show(wrong)
        else:
            messages.success(request, f"{api.integration.name} is added. Look over how people sign in to it.")
            return redirect("integrations:custom_authentication", api.integration.slug)
    return render(request, "integrations/custom/new.html", {"made": made, "read": read})


def _imported(request: TeamRequest, form: ImportForm) -> CustomApi:
    given = form.cleaned_data
    if url := given["url"]:
        how: dict[str, Any] = {"content": fetch_description(actor=request.actor, url=url), "source": url}
        how["document_url"] = url
    elif file := given["file"]:
        how = {"content": file.read(LARGEST + 1), "source": file.name[:200]}
    else:
        how = {"content": given["document"].encode(), "source": "pasted"}
    return import_custom_api(actor=request.actor, base_url=given["base_url"], **how)


@get_or_post
@never_cache
@team_required
def overview(request: TeamRequest, slug: str) -> HttpResponse:
    """What it is, what its document held; its name and base URL to change. Raises NotFound, NotAllowed."""
    api = custom_api_named(request.actor, slug)
    integration = api.integration
    initial = {"name": integration.name, "base_url": api.base_url, "description": integration.description}
    form = CustomApiForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            change_custom_api(actor=request.actor, api=api, **form.cleaned_data)
        except InvalidInput as wrong:
            form.show(wrong)
        else:
            messages.success(request, stored_words(api))
            return redirect("integrations:custom_overview", slug)
    waiting = waiting_connections(api) if _keeps(request) else []
    return _tab(request, api, "overview", form=form, waiting=waiting)


@sensitive_post_parameters("client_secret")
@get_or_post
@never_cache
@team_required
def authentication(request: TeamRequest, slug: str) -> HttpResponse:
    """How people sign in. *Look up* fills the form from the issuer and stores nothing. Raises NotFound, NotAllowed."""
    api = custom_api_named(request.actor, slug)
    permissions.require(request.actor, Action.MANAGE_CUSTOM_APIS)
    before, oauth_app = authentication_from(api.authentication), oauth_client_of(api)
    posted: Any = request.POST if request.method == "POST" else None
    notice: SpecwayError | None = None
    is_lookup = posted is not None and "look_up" in posted
    if is_lookup:
        try:
            found = discovered(actor=request.actor, url=posted.get("discovery_url", ""))
            posted = with_found(posted.dict(), found)
        except InvalidInput as refusal:
            notice = refusal
    form = AuthenticationForm(
        posted,
        before=before,
        oauth_app=oauth_app,
        marks=api.filled_in,
        schemes=api.schemes,
        chosen=request.GET.get("scheme", ""),
    )
    if posted is not None and form.is_valid() and not is_lookup:
        try:
            _save(request, api, form)
        except InvalidInput as wrong:
            form.show(wrong)
        except IntegrationInUse as refusal:
            notice = refusal
        else:
            return redirect("integrations:custom_authentication", slug)
    lookup = {"is_lookup": is_lookup and notice is None, "discovery_url": request.POST.get("discovery_url", "")}
    fresh = form["from_discovery"].value() if is_lookup else ""
    marks = dict.fromkeys(filled_by(form.chosen), "document") if form.chosen else api.filled_in
    marks = marks | dict.fromkeys(filter(None, str(fresh or "").split(",")), "discovery")
    return _tab(request, api, "authentication", form=form, notice=notice, oauth_app=oauth_app, marks=marks, **lookup)


def _save(request: TeamRequest, api: CustomApi, form: AuthenticationForm) -> None:
    entered = form.authentication
    client = form.client if entered.type == "oauth2" else {}
    saved = save_authentication(
        actor=request.actor, api=api, authentication=entered, filled_in=form.filled_in, **client
    )
    if missing_of(saved):
        messages.warning(request, "Stored as a draft. Nobody can connect it until what is missing is filled in.")
    else:
        messages.success(request, f"{stored_words(saved)} Your team finds {saved.integration.name} in Plugins.")


@require_safe
@team_required
def operations(request: TeamRequest, slug: str) -> HttpResponse:
    """What its document says can be called, searched and paged. Raises NotFound."""
    api = custom_api_named(request.actor, slug)
    search = request.GET.get("search", "").strip()[:100]
    rows = operations_of(api.integration)
    for word in search.split():
        rows = rows.filter(path__icontains=word) | rows.filter(summary__icontains=word)
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    return _tab(request, api, "operations", page=page, search=search)


@get_or_post
@never_cache
@team_required
def callback(request: TeamRequest, slug: str) -> HttpResponse:
    """Ask, then register with the common callback, or with its own again. Raises NotFound, NotAllowed."""
    api = custom_api_named(request.actor, slug)
    permissions.require(request.actor, Action.MANAGE_CUSTOM_APIS)
    wanted = not api.integration.uses_common_callback
    if request.method == "POST":
        wanted = request.POST.get("wanted") == "common"
        use_common_callback(actor=request.actor, api=api, wanted=wanted)
        messages.success(request, "Stored. Register the redirect URI that stands there now.")
        return redirect("integrations:custom_authentication", slug)
    context = {"api": api, "integration": api.integration, "wanted": wanted, "common": redirect_uri()}
    return render(request, "integrations/custom/callback.html", context)


@get_or_post
@never_cache
@team_required
def delete(request: TeamRequest, slug: str) -> HttpResponse:
    """Name the connections at stake, then delete; refused while there are any. Raises NotFound, NotAllowed."""
    api = custom_api_named(request.actor, slug)
    permissions.require(request.actor, Action.MANAGE_CUSTOM_APIS)
    refusal = None
    if request.method == "POST":
        try:
            delete_custom_api(actor=request.actor, api=api)
        except IntegrationInUse as error:
            refusal = error
        else:
            messages.success(request, f"{api.integration.name} is deleted.")
            return redirect("integrations:custom_apis")
    context = {
        "api": api,
        "integration": api.integration,
        "refusal": refusal,
        "at_stake": connections_at_stake(api),
    }
    return render(request, "integrations/custom/delete.html", context, status=refusal.status if refusal else 200)


def stored_words(api: CustomApi) -> str:
    """That it is stored, and how many connections wait for somebody now."""
    waiting = len(waiting_connections(api))
    if not waiting:
        return "Stored."
    return f"Stored. {waiting} connection{' needs' if waiting == 1 else 's need'} attention: the owner is told."


def _tab(request: TeamRequest, api: CustomApi, tab: str, **context: Any) -> HttpResponse:
    shared = {
        "api": api,
        "integration": api.integration,
        "tab": tab,
        "missing": missing_of(api),
        "keeps": _keeps(request),
        "operations": operations_of(api.integration).count(),
        "redirect_uri": redirect_uri(api.integration),
    }
    return render(request, f"integrations/custom/{tab}.html", shared | context)


def _keeps(request: TeamRequest) -> bool:
    return permissions.may(request.actor, Action.MANAGE_CUSTOM_APIS)
