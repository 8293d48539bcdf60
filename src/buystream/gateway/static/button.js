// The one line a page needs: <script src="https://shop.example/button.js"></script>
// A classic loader (it works with and without type="module") that imports the component from the origin that served it.
(() => {
  const script = document.currentScript ?? document.querySelector('script[src*="button.js"]');
  const component = new URL("/static/buystream/buy-button.js", script.src);
  import(component.href).catch((error) => console.error("buystream: the button could not be loaded", error));
})();
