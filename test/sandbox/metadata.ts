import type { JsonObject } from "./json";
import type { VersionBehavior } from "./versions";

type FieldOptions = { [name: string]: string | number | boolean | JsonObject | JsonObject[] };

function field(type: string, label: string, extra: FieldOptions = {}): JsonObject {
  return { type, required: false, read_only: false, label, ...extra };
}

function choiceField(
  label: string,
  pairs: readonly (readonly [string, string])[],
  extra: FieldOptions = {},
): JsonObject {
  const listed = pairs.map(([value, name]): JsonObject => ({ value, display_name: name }));
  return field("choice", label, { ...extra, choices: listed });
}

/** `sidebar_left` as `Sidebar Left` */
function titledChoice(value: string): readonly [string, string] {
  return [
    value,
    value
      .split("_")
      .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
      .join(" "),
  ];
}

/** What OPTIONS says about invitations (method.options-list, method.options-one). */
export function invitationOptions(profile: VersionBehavior, method: "POST" | "PUT"): JsonObject {
  const readOnly = { read_only: true };
  const must = { required: true };
  const limited = Number.isFinite(profile.maxSlugLength);
  const slugType = limited ? "slug" : "string";
  const slugLimit: FieldOptions = limited ? { max_length: profile.maxSlugLength } : {};
  const createdBy: JsonObject = {
    pk: field("integer", "ID", readOnly),
    username: field("string", "Username", {
      ...must,
      help_text: "Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
      max_length: 150,
    }),
    name: field("string", "Name", { ...must, help_text: "User's display name." }),
    is_active: field("boolean", "Active", {
      help_text:
        "Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
    }),
    last_login: field("datetime", "Last login"),
    email: field("email", "Email address", { max_length: 254 }),
    attributes: field("field", "Attributes"),
    uid: field("string", "Uid", readOnly),
  };
  const background: JsonObject = profile.hasThemedBackgrounds
    ? {
        background: field("string", "Background", { help_text: "Background shown during execution" }),
        background_url: field("field", "Background url", readOnly),
        background_themed_urls: field("nested object", "Background themed urls", {
          ...readOnly,
          children: { light: field("string", "Light"), dark: field("string", "Dark") },
        }),
      }
    : { background: field("field", "Background", readOnly) };
  const flow: JsonObject = {
    pk: field("string", "Flow uuid", readOnly),
    policybindingmodel_ptr_id: field("field", "Policybindingmodel ptr id", readOnly),
    name: field("string", "Name", must),
    slug: field(slugType, "Slug", { ...must, help_text: "Visible in the URL.", ...slugLimit }),
    title: field("string", "Title", { ...must, help_text: "Shown as the Title in Flow pages." }),
    designation: choiceField(
      "Designation",
      [
        titledChoice("authentication"),
        titledChoice("authorization"),
        titledChoice("invalidation"),
        titledChoice("enrollment"),
        ["unenrollment", "Unrenollment"],
        titledChoice("recovery"),
        titledChoice("stage_configuration"),
      ],
      {
        ...must,
        help_text:
          "Decides what this Flow is used for. For example, the Authentication flow is redirect to when an un-authenticated user visits authentik.",
      },
    ),
    ...background,
    stages: field("field", "Stages", readOnly),
    policies: field("field", "Policies", readOnly),
    cache_count: field("field", "Cache count", readOnly),
    policy_engine_mode: choiceField("Policy engine mode", [
      ["all", "all, all policies must pass"],
      ["any", "any, any policy must pass"],
    ]),
    compatibility_mode: field("boolean", "Compatibility mode", {
      help_text: "Enable compatibility mode, increases compatibility with password managers on mobile devices.",
    }),
    export_url: field("field", "Export url", readOnly),
    layout: choiceField("Layout", profile.layouts.map(titledChoice)),
    denied_action: choiceField(
      "Denied action",
      [titledChoice("message_continue"), titledChoice("message"), titledChoice("continue")],
      {
        help_text: "Configure what should happen when a flow denies access to a user.",
      },
    ),
    authentication: choiceField("Authentication", profile.authentications.map(titledChoice), {
      help_text: "Required level of authentication and authorization to access a flow.",
    }),
  };
  const fields: JsonObject = {
    pk: field("string", "Invite uuid", readOnly),
    name: field(slugType, "Name", { ...must, ...slugLimit }),
    expires: field("datetime", "Expires"),
    fixed_data: field("field", "Fixed data"),
    created_by: field("nested object", "Created by", { ...readOnly, children: createdBy }),
    single_use: field("boolean", "Single use", {
      help_text: "When enabled, the invitation will be deleted after usage.",
    }),
    flow: field("field", "Flow", { help_text: "When set, only the configured flow can use this invitation." }),
    flow_obj: field("nested object", "Flow obj", { ...readOnly, children: flow }),
  };
  return {
    name: method === "POST" ? "Invitation List" : "Invitation Instance",
    description: "Invitation Viewset",
    renders: ["application/json"],
    parses: ["application/json"],
    actions: { [method]: fields },
  };
}
