package seal

// Keys are keys of which one follows the other, the newest last. The newest seals;
// what an older one sealed still opens.
type Keys []Key

// Newest returns the key to seal with.
func (k Keys) Newest() Key { return k[len(k)-1] }

// UnsealBlob returns what any of the keys sealed, or ErrSealed.
func (k Keys) UnsealBlob(context string, blob, ad []byte) (plain []byte, err error) {
	err = ErrSealed
	for i := len(k) - 1; i >= 0 && err != nil; i-- {
		plain, err = k[i].UnsealBlob(context, blob, ad)
	}
	return plain, err
}

// UnsealKey returns the key that any of the keys sealed, or ErrSealed.
func (k Keys) UnsealKey(context string, sealed []byte) (inner Key, err error) {
	err = ErrSealed
	for i := len(k) - 1; i >= 0 && err != nil; i-- {
		inner, err = k[i].UnsealKey(context, sealed)
	}
	return inner, err
}
