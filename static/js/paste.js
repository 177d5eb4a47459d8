// A long text that was pasted goes up as a file: the fields of a form may have 2.5 MB, a document 10. Without this
// script the answer says so, and asks for the file.

const LONG = 500_000; // bytes; what is shorter comes back in the form if something is wrong with it

for (const form of document.querySelectorAll("form[data-pasted]")) {
  form.addEventListener("formdata", ({ formData }) => {
    const { pasted, upload } = form.dataset;
    const file = new File([formData.get(pasted)], "pasted", { type: "text/plain" });
    if (file.size <= LONG) return;
    const chosen = formData.get(upload);
    formData.set(pasted, chosen?.size ? "see the file" : "");
    // With a file besides, the answer says that one of the two is enough.
    if (!chosen?.size) formData.set(upload, file);
  });
}
