// A second question before what cannot be undone. A dialog of the browser's own is enough, and works with every reader.
export function begin() {
  document.addEventListener("submit", (event) => {
    const asked = event.submitter?.dataset.sure;
    if (asked && !confirm(asked)) event.preventDefault();
  });
}
