// For browsers that know no modules: they run this, and nothing else of the page.
(function () {
  var sorry = document.getElementById("sorry");
  sorry.textContent =
    "This page needs a newer browser: it runs a WebAssembly component, and this browser cannot load modules.";
  sorry.hidden = false;
})();
