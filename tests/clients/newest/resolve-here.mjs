/**
 * Has the clients of the folder above import the libraries of this folder, under a later Node.
 *
 * Node would find the older majors of the checkout first, or silently where a library is missing here. So an import that
 * leads out of this folder fails.
 */
import { registerHooks } from "node:module";

const libraries = new URL("node_modules/", import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    const isLibrary = /^[@a-z]/.test(specifier) && !URL.canParse(specifier);
    if (!isLibrary || context.parentURL?.includes("/node_modules/")) {
      return next(specifier, context);
    }
    const resolved = next(specifier, { ...context, parentURL: import.meta.url });
    if (!resolved.url.startsWith(libraries)) {
      throw new Error(`${specifier} is not in ${libraries} but at ${resolved.url}`);
    }
    return resolved;
  },
});
