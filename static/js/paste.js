// Uploads a long pasted text as a file: form fields are limited to 2.5 MB, files to 10. Without this script the
// server rejects the text and suggests to upload a file.

const LONG = 500_000; // bytes; a shorter text is shown again in the form if it is invalid

for (const form of document.querySelectorAll("form[data-pasted]")) {
  form.addEventListener("formdata", ({ formData }) => {
    const { pasted, upload } = form.dataset;
    const file = new File([formData.get(pasted)], "pasted", { type: "text/plain" });
    if (file.size <= LONG) return;
    const chosen = formData.get(upload);
    formData.set(pasted, chosen?.size ? "see the file" : "");
    // If there is a file too, the server reports that only one of them is allowed.
    if (!chosen?.size) formData.set(upload, file);
  });
}
