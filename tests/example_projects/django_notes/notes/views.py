"""The pages: a user sees, writes and deletes notes of their own."""

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.urls import reverse_lazy
from django.views.generic import CreateView, DeleteView, DetailView, ListView

from .models import Note


class OwnNotes(LoginRequiredMixin):
    """Show the notes of the user alone."""

    def get_queryset(self):
        """Return the notes of the user."""
        return Note.objects.filter(owner=self.request.user)


class NoteList(OwnNotes, ListView):
    """The last notes."""

    paginate_by = 20


class OneNote(OwnNotes, DetailView):
    """One note."""


class NewNote(LoginRequiredMixin, CreateView):
    """A form for a new note."""

    model = Note
    fields = ("title", "text")

    def form_valid(self, form):
        """Save the note with its owner."""
        form.instance.owner = self.request.user
        messages.success(self.request, "The note is saved.")
        return super().form_valid(form)


class DeleteNote(OwnNotes, DeleteView):
    """A page that asks before it deletes a note."""

    success_url = reverse_lazy("notes:list")
