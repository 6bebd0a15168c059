/** Made by build.mjs of locales/*.json. */
declare module "locales" {
  export const LOCALES: Record<string, Record<string, string>>;
}
