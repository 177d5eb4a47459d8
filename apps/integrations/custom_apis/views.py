"""The pages of custom APIs: the list, create and import, and the tabs of one API."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from apps.errors import SpecwayError
from apps.integrations.custom_apis.forms import (
    AuthenticationForm,
    CustomApiForm,
    ImportForm,
    OverviewForm,
    filled_by,
    with_found,
)
from apps.integrations.custom_apis.openapi import LARGEST
from apps.integrations.custom_apis.schema import WITH_CLIENT, authentication_from
from apps.integrations.custom_apis.services.apis import (
    change_custom_api,
    create_custom_api,
    delete_custom_api,
    save_authentication,
)
from apps.integrations.custom_apis.services.discovery import discovered
from apps.integrations.custom_apis.services.document_import import fetch_description, import_custom_api
from apps.integrations.custom_apis.services.queries import (
    custom_api_named,
    custom_apis,
    dependent_connections,
    missing_of,
    oauth_client_of,
    operations_of,
    waiting_connections,
)
from apps.integrations.errors import IntegrationInUse, InvalidInput
from apps.integrations.models import CustomApi
from apps.integrations.redirect_uri import custom_api_redirect_uri
from apps.teams import permissions
from apps.teams.decorators import team_required
from apps.teams.permissions import Action
from apps.teams.requests import TeamRequest

get_or_post = require_http_methods(["GET", "HEAD", "POST"])
PAGE = 100


@require_safe
@team_required
def listing(request: TeamRequest) -> HttpResponse:
    """The custom APIs of the team, including drafts."""
    rows = [{"api": api, "missing": missing_of(api)} for api in custom_apis(request.actor)]
    return render(request, "integrations/custom/list.html", {"rows": rows, "can_manage": _can_manage(request)})


@get_or_post
@never_cache
@team_required
def new(request: TeamRequest) -> HttpResponse:
    """Create or import one. Raises NotAllowed."""
    permissions.require(request.actor, Action.MANAGE_CUSTOM_APIS)
    is_import = request.POST.get("how") == "import"
    posted = request.method == "POST"
    create_form = CustomApiForm(request.POST if posted and not is_import else None, prefix="new")
    import_form = ImportForm(request.POST if is_import else None, request.FILES if is_import else None, prefix="import")
    form = import_form if is_import else create_form
    if posted and form.is_valid():
        try:
            if is_import:
                api = _import(request, import_form)
            else:
                api = create_custom_api(actor=request.actor, **create_form.cleaned_data)
        except InvalidInput as error:
            form.show(error)
        else:
            messages.success(
                request,
                gettext("%(service)s is added. Check how people sign in to it.") % {"service": api.integration.name},
            )
            return redirect("integrations:custom_authentication", api.integration.slug)
    return render(request, "integrations/custom/new.html", {"made": create_form, "read": import_form})


def _import(request: TeamRequest, form: ImportForm) -> CustomApi:
    cleaned = form.cleaned_data
    if url := cleaned["url"]:
        document: dict[str, Any] = {"content": fetch_description(actor=request.actor, url=url), "source": url}
        document["document_url"] = url
    elif file := cleaned["file"]:
        document = {"content": file.read(LARGEST + 1), "source": file.name[:200]}
    else:
        document = {"content": cleaned["document"].encode(), "source": "pasted"}
    return import_custom_api(actor=request.actor, base_url=cleaned["base_url"], **document)


@get_or_post
@never_cache
@team_required
def overview(request: TeamRequest, slug: str) -> HttpResponse:
    """Name, base URL, and the notes on the imported document. Raises NotFound, NotAllowed."""
    api = custom_api_named(request.actor, slug)
    form = OverviewForm(request.POST if request.method == "POST" else None, initial=OverviewForm.values_of(api))
    if request.method == "POST" and form.is_valid():
        try:
            change_custom_api(actor=request.actor, api=api, **form.cleaned_data)
        except InvalidInput as error:
            form.show(error)
        else:
            messages.success(request, saved_message(api))
            return redirect("integrations:custom_overview", slug)
    waiting = waiting_connections(api) if _can_manage(request) else []
    return _tab(request, api, "overview", form=form, waiting=waiting)


@sensitive_post_parameters("client_secret", "further_key")
@get_or_post
@never_cache
@team_required
def authentication(request: TeamRequest, slug: str) -> HttpResponse:
    """The Authentication tab; *Look up* fills the form in and saves nothing. Raises NotFound, NotAllowed."""
    api = custom_api_named(request.actor, slug)
    permissions.require(request.actor, Action.MANAGE_CUSTOM_APIS)
    if request.method == "POST" and "look_up" in request.POST:
        return _look_up(request, api)
    form = _authentication_form(request, api, request.POST if request.method == "POST" else None)
    notice: SpecwayError | None = None
    if form.is_valid():
        try:
            _save(request, api, form)
        except InvalidInput as error:
            form.show(error)
        except IntegrationInUse as error:
            notice = error
        else:
            return redirect("integrations:custom_authentication", slug)
    return _authentication_tab(request, api, form, notice=notice)


def _look_up(request: TeamRequest, api: CustomApi) -> HttpResponse:
    """The form filled in from the metadata of an issuer."""
    data: Any = request.POST
    try:
        data = with_found(data.dict(), discovered(actor=request.actor, url=data.get("discovery_url", "")))
    except InvalidInput as error:
        return _authentication_tab(request, api, _authentication_form(request, api, data), notice=error)
    form = _authentication_form(request, api, data)
    discovered_fields = filter(None, str(form["from_discovery"].value() or "").split(","))
    marks = dict.fromkeys(discovered_fields, "discovery")
    return _authentication_tab(
        request,
        api,
        form,
        marks=marks,
        is_lookup=True,
        without_revocation="revocation_url" not in marks and not form["revocation_url"].value(),
        retype_secret=bool(request.POST.get("client_secret") or request.POST.get("further_key")),
    )


def _authentication_form(request: TeamRequest, api: CustomApi, data: Any) -> AuthenticationForm:
    return AuthenticationForm(
        data,
        before=authentication_from(api.authentication),
        oauth_app=oauth_client_of(api),
        marks=api.filled_in,
        schemes=api.schemes,
        chosen=request.GET.get("scheme", ""),
    )


def _authentication_tab(
    request: TeamRequest,
    api: CustomApi,
    form: AuthenticationForm,
    *,
    notice: SpecwayError | None = None,
    marks: Mapping[str, str] | None = None,
    is_lookup: bool = False,
    **context: bool,
) -> HttpResponse:
    filled_in = dict.fromkeys(filled_by(form.chosen), "document") if form.chosen else api.filled_in
    return _tab(
        request,
        api,
        "authentication",
        form=form,
        notice=notice,
        oauth_app=oauth_client_of(api),
        marks={**filled_in, **(marks or {})},
        is_lookup=is_lookup,
        **context,
        discovery_url=request.POST.get("discovery_url", ""),
        token_host=form.token_host(base_url=api.base_url, source=api.source),
    )


def _save(request: TeamRequest, api: CustomApi, form: AuthenticationForm) -> None:
    settings = form.authentication
    client = form.client if settings.type in WITH_CLIENT else {}
    saved = save_authentication(
        actor=request.actor,
        api=api,
        authentication=settings,
        filled_in=form.filled_in,
        confirm_token_host=form.cleaned_data["confirm_token_host"],
        **client,
    )
    if missing_of(saved):
        messages.warning(
            request, gettext("Saved as a draft. People can connect to it once the missing fields are filled in.")
        )
    else:
        messages.success(
            request,
            gettext("%(saved)s Your team can find %(service)s in Plugins.")
            % {"saved": saved_message(saved), "service": saved.integration.name},
        )


@require_safe
@team_required
def operations(request: TeamRequest, slug: str) -> HttpResponse:
    """The operations of its document, with search and pagination. Raises NotFound."""
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
def delete(request: TeamRequest, slug: str) -> HttpResponse:
    """Confirm, then delete; refused while it has connections, which are listed. Raises NotFound, NotAllowed."""
    api = custom_api_named(request.actor, slug)
    permissions.require(request.actor, Action.MANAGE_CUSTOM_APIS)
    refusal = None
    if request.method == "POST":
        try:
            delete_custom_api(actor=request.actor, api=api)
        except IntegrationInUse as error:
            refusal = error
        else:
            messages.success(request, gettext("%(service)s is deleted.") % {"service": api.integration.name})
            return redirect("integrations:custom_apis")
    context = {
        "api": api,
        "integration": api.integration,
        "refusal": refusal,
        "dependents": dependent_connections(api),
    }
    return render(request, "integrations/custom/delete.html", context, status=refusal.status if refusal else 200)


def saved_message(api: CustomApi) -> str:
    """That it is saved, and how many connections need attention now."""
    waiting = len(waiting_connections(api))
    if not waiting:
        return gettext("Saved.")
    return ngettext(
        "Saved. %(n)s connection needs attention; the owners are notified.",
        "Saved. %(n)s connections need attention; the owners are notified.",
        waiting,
    ) % {"n": waiting}


def _tab(request: TeamRequest, api: CustomApi, tab: str, **context: Any) -> HttpResponse:
    shared = {
        "api": api,
        "integration": api.integration,
        "tab": tab,
        "missing": missing_of(api),
        "can_manage": _can_manage(request),
        "operations": operations_of(api.integration).count(),
        "redirect_uri": custom_api_redirect_uri(api.integration),
    }
    return render(request, f"integrations/custom/{tab}.html", shared | context)


def _can_manage(request: TeamRequest) -> bool:
    return permissions.may(request.actor, Action.MANAGE_CUSTOM_APIS)
