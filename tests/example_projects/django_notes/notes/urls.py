"""The URLs of notes."""

from django.urls import path

from . import views

app_name = "notes"
urlpatterns = [
    path("", views.NoteList.as_view(), name="list"),
    path("new/", views.NewNote.as_view(), name="new"),
    path("<int:pk>/", views.OneNote.as_view(), name="note"),
    path("<int:pk>/delete/", views.DeleteNote.as_view(), name="delete"),
]
