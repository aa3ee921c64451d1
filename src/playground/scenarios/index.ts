import type { Scenario } from "../stage/scenario.ts";
import { alteredInTransit } from "./altered-in-transit.ts";
import { bogusKey, unsignedForgery } from "./forgery.ts";
import { rekeyed, suspended } from "./hijacked-account.ts";
import { honestMail } from "./honest-mail.ts";
import { forwardedQuestion, keyServerDown } from "./key-server.ts";
import { mailingList, redirect } from "./passed-on.ts";
import { plainReceiver } from "./plain-receiver.ts";
import { replay } from "./replay.ts";
import { secretary } from "./secretary.ts";
import { spammer } from "./spammer.ts";
import { unsignedMail } from "./unsigned-mail.ts";

/** In the order in which they are played. */
export const scenarios: readonly Scenario[] = [
  honestMail,
  unsignedForgery,
  bogusKey,
  alteredInTransit,
  secretary,
  spammer,
  suspended,
  rekeyed,
  forwardedQuestion,
  keyServerDown,
  replay,
  redirect,
  mailingList,
  plainReceiver,
  unsignedMail,
];
