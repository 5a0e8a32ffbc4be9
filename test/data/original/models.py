"""The three models as the original runs them: ESM-2 by fair-esm and by transformers, DNABERT-S and the classifier by plain
PyTorch modules whose tensors have the names of the published files.
"""
import math

import torch
from torch import nn
from torch.nn import functional

ESM_PREFIX = "encoder.sentence_encoder."
RESIDUES = 1024
TOKENS = 2048

# How transformers calls what fair-esm calls self_attn.q_proj and so on.
NAMES = {
    "self_attn.q_proj": "attention.self.query",
    "self_attn.k_proj": "attention.self.key",
    "self_attn.v_proj": "attention.self.value",
    "self_attn.rot_emb": "attention.self.rotary_embeddings",
    "self_attn.out_proj": "attention.output.dense",
    "self_attn_layer_norm": "attention.LayerNorm",
    "final_layer_norm": "LayerNorm",
    "fc1": "intermediate.dense",
    "fc2": "output.dense",
}


def slopes(heads):
    """ALiBi's slopes: a geometric series for a power of two, and every second one of the next series for the rest."""
    if heads & (heads - 1) == 0:
        return [2.0 ** (-8 * (head + 1) / heads) for head in range(heads)]
    power = 1 << (heads.bit_length() - 1)
    return slopes(power) + slopes(2 * power)[0::2][: heads - power]


class SelfAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.Wqkv = nn.Linear(width, 3 * width)

    def forward(self, x):
        length, width = x.shape
        query, key, value = self.Wqkv(x).view(length, 3, self.heads, width // self.heads).permute(1, 2, 0, 3)
        at = torch.arange(length)
        distance = (at[:, None] - at[None, :]).abs()
        bias = -torch.tensor(slopes(self.heads))[:, None, None] * distance
        weights = (query @ key.transpose(1, 2) / math.sqrt(width // self.heads) + bias).softmax(-1)
        return (weights @ value).transpose(0, 1).reshape(length, width)


class AttentionOutput(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, attended, x):
        return self.LayerNorm(self.dense(attended) + x)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.self = SelfAttention(width, heads)
        self.output = AttentionOutput(width)

    def forward(self, x):
        return self.output(self.self(x), x)


class GatedMlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.hidden = hidden
        self.gated_layers = nn.Linear(width, 2 * hidden, bias=False)
        self.wo = nn.Linear(hidden, width)
        self.layernorm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x):
        gate, value = self.gated_layers(x).split(self.hidden, dim=-1)
        return self.layernorm(self.wo(functional.gelu(gate) * value) + x)


class Layer(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.attention = Attention(width, heads)
        self.mlp = GatedMlp(width, hidden)

    def forward(self, x):
        return self.mlp(self.attention(x))


class Embeddings(nn.Module):
    def __init__(self, vocabulary, width):
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, width)
        self.token_type_embeddings = nn.Embedding(2, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, ids):
        return self.LayerNorm(self.word_embeddings(ids) + self.token_type_embeddings.weight[0])


class Encoder(nn.Module):
    def __init__(self, layers, width, heads, hidden):
        super().__init__()
        self.layer = nn.ModuleList(Layer(width, heads, hidden) for _ in range(layers))


class Pooler(nn.Module):
    """Part of the published files; the embeddings do not need it."""

    def __init__(self, width):
        super().__init__()
        self.dense = nn.Linear(width, width)


class DnabertS(nn.Module):
    def __init__(self, layers, width, heads, hidden, vocabulary):
        super().__init__()
        self.embeddings = Embeddings(vocabulary, width)
        self.encoder = Encoder(layers, width, heads, hidden)
        self.pooler = Pooler(width)

    def forward(self, ids):
        """What enters the first layer and what leaves each."""
        states = [self.embeddings(torch.as_tensor(ids))]
        for layer in self.encoder.layer:
            states.append(layer(states[-1]))
        return states

    @classmethod
    def of(cls, config, state):
        model = cls(config["num_hidden_layers"], config["hidden_size"], config["num_attention_heads"],
                    config["intermediate_size"], config["vocab_size"])  # fmt: skip
        model.load_state_dict(state)
        return model.eval()


class MLPClassifier(nn.Module):
    """Whole modules of this class are pickled, under the name that it has in the original's training script."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.hidden_layer = nn.Linear(inputs, hidden)
        self.bn1 = nn.BatchNorm1d(hidden)
        self.output_layer = nn.Linear(hidden, 2)
        self.dropout = nn.Dropout(0.5)

    def steps(self, x):
        hidden = self.hidden_layer(x)
        normed = self.bn1(hidden)
        logits = self.output_layer(self.dropout(torch.relu(normed)))
        return {"hidden": hidden, "bn": normed, "logits": logits, "softmax": logits.softmax(-1)}

    def forward(self, x):
        return self.steps(x)["logits"]


MLPClassifier.__module__ = "__main__"


class FairEsm:
    """ESM-2 by fair-esm, in batches as the original makes them."""

    def __init__(self, saved):
        from esm.model.esm2 import ESM2

        settings = saved["cfg"]["model"]
        self.layers = settings.encoder_layers
        self.model = ESM2(self.layers, settings.encoder_embed_dim, settings.encoder_attention_heads)
        state = {name.replace(ESM_PREFIX, "").replace("encoder.", ""): value for name, value in saved["model"].items()}
        missing, unexpected = self.model.load_state_dict(state, strict=False)
        if unexpected or any("contact_head" not in name for name in missing):
            raise ValueError(f"fair-esm misses {missing} and does not know {unexpected}")
        self.model.float().eval()
        self.converter = self.model.alphabet.get_batch_converter()

    @torch.no_grad()
    def trace(self, sequence):
        """Tokens, what enters the first layer, what leaves each (the last after its norm), and the mean."""
        _, _, tokens = self.converter([("", sequence)])
        states = self.model(tokens, repr_layers=range(self.layers + 1))["representations"]
        mean = states[self.layers][0, 1 : min(RESIDUES, len(sequence)) + 1].mean(0)
        return tokens[0].tolist(), [states[layer][0] for layer in range(self.layers + 1)], mean

    @torch.no_grad()
    def embed(self, names, sequences):
        """Names and vectors, from the shortest sequence to the longest: that is the order of the original's files."""
        from esm.data import FastaBatchedDataset

        data = FastaBatchedDataset(names, sequences)
        found_names, found = [], []
        for batch in data.get_batch_indices(TOKENS, extra_toks_per_seq=1):
            labels, texts, tokens = self.converter([data[at] for at in batch])
            states = self.model(tokens, repr_layers=[self.layers])["representations"][self.layers]
            for row, (label, text) in enumerate(zip(labels, texts)):
                found_names.append(label)
                found.append(states[row, 1 : min(RESIDUES, len(text)) + 1].mean(0).clone())
        return found_names, found


def to_transformers(state):
    """Tensors of a fair-esm checkpoint under the names of transformers' EsmForMaskedLM."""
    renamed = {}
    for name, value in state.items():
        name = name.replace(ESM_PREFIX, "").replace("encoder.lm_head.", "lm_head.")
        if name == "lm_head.weight":
            continue  # tied to the embeddings
        name = name.replace("embed_tokens.", "esm.embeddings.word_embeddings.")
        name = name.replace("emb_layer_norm_after", "esm.encoder.emb_layer_norm_after")
        name = name.replace("contact_head.", "esm.contact_head.")
        if name.startswith("layers."):
            _, layer, rest = name.split(".", 2)
            part, kind = rest.rsplit(".", 1)
            name = f"esm.encoder.layer.{layer}.{NAMES[part]}.{kind}"
        renamed[name] = value.float().clone()
    return renamed


class TransformersEsm:
    """ESM-2 by transformers, one sequence after another."""

    def __init__(self, folder):
        from transformers import EsmModel

        self.model, told = EsmModel.from_pretrained(
            folder, add_pooling_layer=False, output_loading_info=True, attn_implementation="eager"
        )
        if told["missing_keys"]:
            raise ValueError(f"transformers misses {told['missing_keys']}")
        self.model.eval()

    @torch.no_grad()
    def embed(self, tokens):
        hidden = self.model(input_ids=torch.tensor([tokens])).last_hidden_state[0]
        return hidden[1 : min(RESIDUES, len(tokens) - 2) + 1].mean(0)
