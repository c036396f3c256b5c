import { invitationId } from "./pk";

/** The error for an object that two resources, or entries of batches, import. */
export function importedTwice(first: string, second: string, pk: string): string {
  return `Two resources import the same object: ${first}, and ${second}. An object can belong to one resource only. Remove the option import, or the resource, from one of them. The object's hash is ${invitationId(pk)}.`;
}
