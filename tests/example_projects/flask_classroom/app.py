"""The app of the article: forty people in a classroom open its page, and one laptop serves it.

It is what a first app looks like: one file, one template, files in `static`, and no database.
"""

from flask import Flask, render_template, request

app = Flask(__name__)

CHAPTERS = [
    ("What a server does", "It takes a request, calls your app and sends the response."),
    ("Why the class waits", "One slow phone keeps the only thread of the server. Everybody else waits."),
    ("What helps", "More threads, or a proxy that waits for slow phones in place of your app."),
]


@app.route("/")
def page():
    """Show the page that the class opens."""
    return render_template("page.html", chapters=CHAPTERS)


@app.route("/search")
def search():
    """Find chapters by a word."""
    word = request.args.get("q", "").strip().lower()
    found = [each for each in CHAPTERS if word and word in " ".join(each).lower()]
    return render_template("page.html", chapters=found, word=word)


if __name__ == "__main__":
    app.run()
