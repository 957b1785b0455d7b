"use strict";
// What the trace viewer needs of Web Components v0, which browsers no longer have: custom elements by registerElement,
// one HTML import, and shadow roots that fall back to the present kind. It stands in for a polyfill from a CDN.
(() => {
  const definitions = new Map();
  const attached = new WeakSet();
  const upgraded = new WeakSet();

  const definitionOf = (node) => definitions.get(node.getAttribute?.("is")?.toLowerCase() ?? node.localName) ?? definitions.get(node.localName);
  const upgrade = (node) => {
    if (node.nodeType !== Node.ELEMENT_NODE || upgraded.has(node)) return node;
    const definition = definitionOf(node);
    if (!definition || (definition.extends && definition.extends !== node.localName)) return node;
    Object.setPrototypeOf(node, definition.prototype);
    upgraded.add(node);
    node.__upgraded__ = true; // Polymer asks for it by this name
    node.createdCallback?.();
    return node;
  };
  const each = (root, visit) => {
    if (root.nodeType === Node.ELEMENT_NODE) visit(root);
    for (const child of [...(root.children ?? [])]) each(child, visit);
    if (root.shadowRoot) each(root.shadowRoot, visit);
  };
  const upgradeTree = (root) => { each(root, upgrade); return root; };
  const attach = (root) => each(root, (node) => {
    upgrade(node);
    if (upgraded.has(node) && !attached.has(node) && node.isConnected) { attached.add(node); node.attachedCallback?.(); }
  });
  const detach = (root) => each(root, (node) => {
    if (attached.has(node) && !node.isConnected) { attached.delete(node); node.detachedCallback?.(); }
  });

  const changes = (records) => {
    for (const record of records) {
      record.removedNodes.forEach(detach);
      record.addedNodes.forEach(attach);
    }
  };
  const observer = new MutationObserver(changes);
  const watch = (root) => observer.observe(root, { childList: true, subtree: true });
  watch(document);

  const create = document.createElement.bind(document);
  document.registerElement = (name, { prototype = Object.create(HTMLElement.prototype), extends: base } = {}) => {
    definitions.set(name.toLowerCase(), { prototype, extends: base });
    const constructor = function () {
      const node = create(base ?? name);
      if (base) node.setAttribute("is", name);
      return upgrade(node);
    };
    constructor.prototype = prototype;
    if (Object.isExtensible(prototype)) Object.defineProperty(prototype, "constructor", { value: constructor, configurable: true, writable: true });
    attach(document);
    return constructor;
  };
  document.createElement = (tag, extension) => {
    const node = create(tag);
    if (typeof extension === "string") node.setAttribute("is", extension);
    return upgrade(node);
  };
  const importNode = document.importNode.bind(document);
  document.importNode = (node, deep) => upgradeTree(importNode(node, deep));
  const cloneNode = Node.prototype.cloneNode;
  Node.prototype.cloneNode = function (deep) {
    const copy = cloneNode.call(this, deep);
    return this.ownerDocument === document ? upgradeTree(copy) : copy;
  };
  // Attribute changes are told at once, as v0 did; an observer would tell them later.
  for (const method of ["setAttribute", "removeAttribute"]) {
    const original = Element.prototype[method];
    Element.prototype[method] = function (name, ...rest) {
      const before = this.getAttribute(name);
      original.call(this, name, ...rest);
      if (upgraded.has(this)) this.attributeChangedCallback?.(name, before, this.getAttribute(name), null);
    };
  }
  Element.prototype.createShadowRoot = Element.prototype.webkitCreateShadowRoot = function () {
    if (this.shadowRoot) return this.shadowRoot;
    if (this.localName.includes("-")) {
      const root = this.attachShadow({ mode: "open" });
      watch(root);
      return root;
    }
    // The present kind is refused to elements of most other names: a child takes its place.
    const stand = create("div");
    stand.style.display = "contents";
    this.append(stand);
    return stand;
  };
  // With hasNative false Polymer distributes children itself ("shady DOM") and needs no shadow roots of the old kind.
  window.CustomElements = {
    ready: true,
    useNative: false,
    hasNative: false,
    upgrade,
    upgradeDocumentTree: attach,
    takeRecords: () => changes(observer.takeRecords()),
    instanceof: (node, type) => node instanceof type,
  };
  // The polyfill wrapped nodes, and the viewer asks for what is inside; here there is nothing around them.
  window.wrap = window.unwrap = (node) => node;
  const whenReady = [];
  let ready = false;
  window.HTMLImports = { ready: false, whenReady: (callback) => (ready ? callback() : whenReady.push(callback)) };
  window.WebComponents = { flags: {} };

  // The import: its nodes move into this page in their order, and its scripts run where they stand.
  const run = (script) => {
    const copy = create("script");
    for (const { name, value } of [...script.attributes]) copy.setAttribute(name, value);
    copy.textContent = script.textContent;
    document._currentScript = copy;
    document.head.append(copy);
    document._currentScript = null;
  };
  const adopt = (node, into) => {
    if (node.localName === "script" && (!node.type || node.type.includes("javascript"))) run(node);
    else into.append(upgradeTree(document.adoptNode(node)));
    changes(observer.takeRecords());
  };
  const load = async (link) => {
    const response = await fetch(link.href);
    if (!response.ok) { link.dispatchEvent(new Event("error")); return; }
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const holder = create("div");
    holder.hidden = true;
    document.body.append(holder);
    for (const node of [...page.head.children, ...page.body.children]) adopt(node, holder);
  };
  addEventListener("DOMContentLoaded", async () => {
    for (const link of document.querySelectorAll('link[rel="import"]')) await load(link);
    ready = window.HTMLImports.ready = true;
    whenReady.forEach((callback) => callback());
    attach(document);
    document.dispatchEvent(new CustomEvent("WebComponentsReady", { bubbles: true }));
  });
})();
