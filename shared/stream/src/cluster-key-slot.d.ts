/** The package ships no types: CRC16 of the key (or of its `{tag}`), modulo 16384. */
declare module "cluster-key-slot" {
  function slotOf(key: string): number;
  export = slotOf;
}
