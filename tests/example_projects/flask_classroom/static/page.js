// A click on a heading hides its text, and shows it again.
for (const heading of document.querySelectorAll("h2")) {
  heading.addEventListener("click", () => {
    heading.nextElementSibling.hidden = !heading.nextElementSibling.hidden;
  });
}
