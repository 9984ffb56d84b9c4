// What authors of stores use.

export { type StoreContractCase, type StorePlace, storeContract } from './contract.ts';
