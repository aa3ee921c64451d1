// What recipients are told of mail that is kept from them: once a day, by the delivery role.
export {
  type DigestOrder,
  type DigestSigner,
  QuarantineDigests,
  type QuarantineDigestsOptions,
  type SignedDigest,
} from "./quarantine-digests.ts";
