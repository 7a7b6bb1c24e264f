"""The pages. A user sees, adds and ends things of their own."""

from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.security import forget, remember
from pyramid.view import forbidden_view_config, view_config

from .database import password_is_correct


@forbidden_view_config()
def log_in_first(request):
    """Send people who are not logged in to the login page."""
    return HTTPSeeOther(request.route_url("login"))


@view_config(route_name="login", renderer="login.html")
def login(request):
    """Show the form, and log the user in."""
    if request.method == "POST":
        name = request.POST.get("name", "")
        if password_is_correct(request.db, name, request.POST.get("password", "")):
            return HTTPSeeOther(request.route_url("list"), headers=remember(request, name))
        return {"message": "The name or the password is wrong."}
    return {"message": ""}


@view_config(route_name="logout", request_method="POST")
def logout(request):
    """Log the user out."""
    return HTTPSeeOther(request.route_url("login"), headers=forget(request))


@view_config(route_name="list", renderer="list.html", permission="use")
def list_items(request):
    """Show what is to do."""
    query = "SELECT id, text FROM item WHERE owner = ? ORDER BY id DESC LIMIT 50"
    return {"items": request.db.execute(query, (request.authenticated_userid,)).fetchall()}


@view_config(route_name="add", request_method="POST", permission="use")
def add(request):
    """Add a thing to do."""
    text = request.POST.get("text", "").strip()
    if not text:
        return HTTPSeeOther(request.route_url("list"))
    row = request.db.execute("INSERT INTO item (owner, text) VALUES (?, ?)", (request.authenticated_userid, text))
    request.db.commit()
    return HTTPSeeOther(request.route_url("item", number=row.lastrowid))


@view_config(route_name="item", renderer="list.html", permission="use")
def item(request):
    """Show one thing to do."""
    values = (int(request.matchdict["number"]), request.authenticated_userid)
    items = request.db.execute("SELECT id, text FROM item WHERE id = ? AND owner = ?", values).fetchall()
    if not items:
        raise HTTPNotFound
    return {"items": items}


@view_config(route_name="done", request_method="POST", permission="use")
def done(request):
    """Remove a thing that is done."""
    values = (int(request.matchdict["number"]), request.authenticated_userid)
    removed = request.db.execute("DELETE FROM item WHERE id = ? AND owner = ?", values)
    request.db.commit()
    if not removed.rowcount:
        raise HTTPNotFound
    return HTTPSeeOther(request.route_url("list"))
