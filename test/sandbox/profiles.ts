export type AuthentikVersion = "2024.8" | "2026.2";

/** Where the two recorded servers differ, and in which recording it shows. */
export interface Profile {
  /** `version` */
  current: string;
  latest: string;
  latestValid: boolean;
  /** The header of every JSON answer but the flow executor's (`config`, `consume.no-token`). */
  jsonType: string;
  /** `invitations.retrieve.unknown`: "Not found." or "No Invitation matches the given query." */
  namesWhatIsMissing: boolean;
  /** `stages.list.empty`: lists end with `autocomplete`. */
  autocomplete: boolean;
  /** `bulk.list.page_size-default`, `bulk.list.page_size-101` */
  pageSize: number;
  largestPage: number;
  /** `invitations.list.page-empty`: `page=` is the first page, not an error. */
  emptyPageIsFirst: boolean;
  /** `invitations.create.name.51`, `method.options-list` */
  slugLength: number;
  /** `invitations.create.name.spaces` */
  slugText: string;
  /** `invitations.create.name.list`: the slug's own text for what is no string. */
  slugTextForNoString: boolean;
  /** `invitations.create.expires.hour-24` */
  hour24: boolean;
  /** `invitations.list.search.nul`: refused, not ignored. */
  searchRefusesNul: boolean;
  /** `body.bad-utf8`: a JSON error, not a crash. */
  reportsBadUtf8: boolean;
  /** `auth.header.scheme`: refused by name. */
  refusesOtherSchemes: boolean;
  /** `stages.create.flow_set-*`: taken seriously (and then refused), not ignored. */
  readsFlowSet: boolean;
  /** `flows.create`: `background_url` and `background_themed_urls` beside `background`. */
  themedBackground: boolean;
  /** `consume.expired`: refused, and the attempt deletes the invitation. */
  refusesExpired: boolean;
  /** `events.used.search-hex`: what was created is told value by value. */
  eventsHoldDiff: boolean;
  /** `me`, `enroll.user` */
  usersHoldRoles: boolean;
  /** `config` */
  reputationTimeout: boolean;
  systemPermissions: string[];
  adminEmail: string;
  layouts: string[];
  authentications: string[];
}

const layouts = ["stacked", "content_left", "content_right", "sidebar_left", "sidebar_right"];

export const profiles: Record<AuthentikVersion, Profile> = {
  "2024.8": {
    current: "2024.8.6",
    latest: "2024.8.6",
    latestValid: true,
    jsonType: "application/json; charset=utf-8",
    namesWhatIsMissing: false,
    autocomplete: false,
    pageSize: 100,
    largestPage: Number.POSITIVE_INFINITY,
    emptyPageIsFirst: false,
    slugLength: 50,
    slugText: 'Enter a valid "slug" consisting of letters, numbers, underscores or hyphens.',
    slugTextForNoString: true,
    hour24: false,
    searchRefusesNul: false,
    reportsBadUtf8: false,
    refusesOtherSchemes: true,
    readsFlowSet: true,
    themedBackground: false,
    refusesExpired: false,
    eventsHoldDiff: true,
    usersHoldRoles: false,
    reputationTimeout: true,
    systemPermissions: [
      "view_system_info",
      "access_admin_interface",
      "edit_system_settings",
      "change_role",
      "view_role",
      "delete_role",
      "view_system_settings",
      "add_role",
      "unassign_role_permissions",
      "assign_role_permissions",
    ],
    adminEmail: "root@example.com",
    layouts,
    authentications: [
      "none",
      "require_authenticated",
      "require_unauthenticated",
      "require_superuser",
      "require_outpost",
    ],
  },
  "2026.2": {
    current: "2026.2.2",
    latest: "0.0.0",
    latestValid: false,
    jsonType: "application/json",
    namesWhatIsMissing: true,
    autocomplete: true,
    pageSize: 20,
    largestPage: 100,
    emptyPageIsFirst: true,
    slugLength: Number.POSITIVE_INFINITY,
    slugText: "Enter a valid “slug” consisting of letters, numbers, underscores or hyphens.",
    slugTextForNoString: false,
    hour24: true,
    searchRefusesNul: true,
    reportsBadUtf8: true,
    refusesOtherSchemes: false,
    readsFlowSet: false,
    themedBackground: true,
    refusesExpired: true,
    eventsHoldDiff: false,
    usersHoldRoles: true,
    reputationTimeout: false,
    systemPermissions: [
      "view_media_files",
      "view_initialpermissions",
      "assign_role_permissions",
      "delete_role",
      "change_initialpermissions",
      "add_role",
      "view_role",
      "unassign_role_permissions",
      "edit_system_settings",
      "manage_media_files",
      "view_system_info",
      "access_admin_interface",
      "change_role",
      "add_initialpermissions",
      "view_system_settings",
      "delete_initialpermissions",
    ],
    adminEmail: "akadmin@rig.invalid",
    layouts: [...layouts, "sidebar_left_frame_background", "sidebar_right_frame_background"],
    authentications: [
      "none",
      "require_authenticated",
      "require_unauthenticated",
      "require_superuser",
      "require_redirect",
      "require_outpost",
    ],
  },
};
