import * as z from "zod";
import type { Client } from "./client";

/** `GET /api/v3/core/users/me/`: the username of the token's user. */
export async function retrieveOwnUsername(client: Client): Promise<string> {
  const { user } = await client.send(
    {
      method: "GET",
      path: "core/users/me/",
      failure: "Could not read the token's user",
      permission: "a valid token",
    },
    z.object({ user: z.object({ username: z.string() }) }),
  );
  return user.username;
}
