/**
 * The hidden input that says where the entries of a batch come from, for validation errors: file and line by key. `check` does not return it, so that it is
 * neither in the state nor a change when a row moves.
 */
export const csvPlacesInput = "__csvPlaces";
