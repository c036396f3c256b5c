import type * as z from "zod";
import type { Client, ClientRequest } from "../authentik/client";
import { wireObject } from "../authentik/wire";
import { type Declaration, type Declared, type FieldsOf, fieldNames, permission, toBody } from "./declaration";

type Item = Pick<ClientRequest, "path" | "redactedPath" | "secrets">;

/** How an object's requests differ from those of most objects, whose path ends with their pk. */
interface Differences {
  item?(key: string): Item;
  /** Whether the key in the path is not the pk. Then it was read before, which has proven the permission to view the object. */
  readonly isKeyed?: boolean;
}

/** The requests of one kind of object. Messages call it by its noun. */
export function requestsOf<P extends Declared, Stored extends { readonly pk: string }>(
  declaration: Declaration<P>,
  response: z.ZodType<Stored>,
  { item = (key) => ({ path: `${declaration.path}${key}/` }), isKeyed = false }: Differences = {},
) {
  const { noun, path, properties } = declaration;
  const names = fieldNames(properties);
  const view = permission(declaration, "view");
  const responseWith = (key: string): z.ZodType<Stored> => (isKeyed ? response : wireObject(response, key));
  const viewPermission = isKeyed ? {} : { viewPermission: view };
  return {
    /** `POST {path}` */
    create: (client: Client, fields: FieldsOf<P>): Promise<Stored> =>
      client.create(
        {
          path,
          body: toBody(properties, fields),
          failure: `Could not create the ${noun}`,
          permission: permission(declaration, "add"),
          fieldNames: names,
        },
        response,
      ),

    /** `GET {path}{key}/` */
    retrieve: (client: Client, key: string): Promise<Stored> =>
      client.send(
        { method: "GET", ...item(key), failure: `Could not read the ${noun}`, permission: view },
        responseWith(key),
      ),

    /** `PUT {path}{key}/` */
    update: (client: Client, key: string, fields: FieldsOf<P>): Promise<Stored> =>
      client.send(
        {
          method: "PUT",
          ...item(key),
          body: toBody(properties, fields),
          failure: `Could not update the ${noun}`,
          permission: permission(declaration, "change"),
          ...viewPermission,
          fieldNames: names,
        },
        responseWith(key),
      ),

    /** `DELETE {path}{key}/`; succeeds if it does not exist. */
    delete: (client: Client, key: string): Promise<void> =>
      client.delete({
        ...item(key),
        failure: `Could not delete the ${noun}`,
        permission: permission(declaration, "delete"),
        ...viewPermission,
      }),

    /** `GET {path}`, all pages. authentik ignores unknown filters. */
    list: (
      client: Client,
      query: Readonly<Record<string, string>> = {},
      failure = `Could not list the ${noun}s`,
    ): Promise<Stored[]> => client.list({ path, query, failure, permission: view }, response),
  };
}
