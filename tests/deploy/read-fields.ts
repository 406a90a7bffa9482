/**
 * Which fields of a document a validator reads.
 *
 * Kubernetes' schemas allow fields that they do not know, and so `redinessProbe` would pass. But a validator looks only
 * at fields that it knows. Kubernetes would not read the others either.
 */
export function recordReads<T extends object>(document: T): { seen: T; unread: () => string[] } {
  const read = new Set<string>();
  const watch = <V extends object>(value: V, path: string): V =>
    new Proxy(value, {
      get(target, key, receiver) {
        const field: unknown = Reflect.get(target, key, receiver);
        if (typeof key === "symbol" || !Object.hasOwn(target, key)) return field;
        const own = `${path}/${key}`;
        read.add(own);
        return typeof field === "object" && field !== null ? watch(field, own) : field;
      },
    });
  return {
    seen: watch(document, ""),
    unread: () => pathsIn(document).filter((path) => !read.has(path)),
  };
}

function pathsIn(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, field]) => {
    const own = `${path}/${key}`;
    return [own, ...pathsIn(field, own)];
  });
}
