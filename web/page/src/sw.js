/** Keeps the page on the device. VERSION and FILES are set by build.mjs. */
const NAME = `stc-page-${VERSION}`;

// The addresses carry no version, so the browser's own cache must not answer for the server.
self.addEventListener("install", (event) => {
  const fresh = FILES.map((file) => new Request(file, { cache: "reload" }));
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(fresh)));
});

self.addEventListener("activate", (event) => {
  const old = (names) => names.filter((name) => name.startsWith("stc-page-") && name !== NAME);
  event.waitUntil((async () => {
    await Promise.all(old(await caches.keys()).map((name) => caches.delete(name)));
    await self.clients.claim();
  })());
});

self.addEventListener("message", (event) => {
  if (event.data === "use") self.skipWaiting();
});

// The cache first: a page and a model of two releases must never meet.
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== self.location.origin) return;
  event.respondWith((async () => {
    const cache = await caches.open(NAME);
    const found = await cache.match(request, { ignoreSearch: true });
    if (found) return found;
    if (request.mode === "navigate") return (await cache.match("./")) ?? fetch(request);
    return fetch(request);
  })());
});
